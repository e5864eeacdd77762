"""The whole job on a Dask cluster: workers that share nothing but an S3 server, one of them killed in mid-class.

Scheduler, workers, Prefect server and store are real processes; each worker has folders of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from dcgan import load_release
from dcgan.release.verify import verify
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import TrainingRecord
from tests.conftest import DCGAN, TINY, Finished, write_digits, write_job
from tests.dask_cluster import DEADLINE_SECONDS, Cluster, alive, running_cluster, wait_until
from tests.object_store import Store, free_port, objects
from tests.prefect_server import Server
from tests.processes import log_of
from tests.shell import Dcgan

BUCKET = "cluster"
OUTPUTS = f"s3://{BUCKET}/outputs"

# A snapshot after every step: long enough for a worker to be killed between its first snapshot and its last step.
TRAINING: dict[str, Any] = TINY["training"] | {"base_steps": 80, "class_steps": 120, "log_steps": 1}


@pytest.fixture(scope="module")
def cluster(store: Store, prefect_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    store.system().mkdir(BUCKET)
    with running_cluster(tmp_path_factory.mktemp("cluster"), prefect_server.environment | store.environment()) as one:
        one.add_workers(2)
        yield one


def run(job: Path, environment: dict[str, str], *settings: str) -> subprocess.Popen[str]:
    command = [*DCGAN, "run", str(job), "--json", *(f"--set={setting}" for setting in settings)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def summary_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    told, said = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode in (0, 3), said
    return dict(json.loads(told))


@dataclass
class Nights:
    """The same job on this machine and on a cluster."""

    cluster: Cluster
    local: dict[str, Any]
    far: dict[str, Any]
    killed_at: int
    """Step of the snapshot that the killed worker had shared of its class."""
    label: str
    """Of that class."""


def class_at_work(worker: subprocess.Popen[bytes]) -> str | None:
    """The class that a worker trains now, or has trained last."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(worker.pid).children():
            stage, _, label = log_of(child).removesuffix(".log").partition("-")
            if stage == "make":
                return label
    return None


@pytest.fixture(scope="module")
def nights(cluster: Cluster, store: Store, finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """The base begins with that of another release, and learns from images without labels: both reach the workers."""
    root = tmp_path_factory.mktemp("nights")
    write_digits(root / "more", {3: 40})
    job = write_job(
        root,
        data={"source": "images", "holdout": 0.4, "unlabelled": "more"},
        training=TRAINING | {"base_from": str(finished.release)},
        run={"processes": 2, "threads": 1},
    )
    far = run(job, cluster.environment, f"run.on={cluster.address}", f"outputs.root={OUTPUTS}")
    work = f"{BUCKET}/outputs/tiny/work"

    def shared_snapshot() -> tuple[subprocess.Popen[bytes], str] | None:
        assert far.poll() is None, far.communicate()
        for worker in cluster.workers:
            label = class_at_work(worker)
            if label and any(name.endswith(f"/training/{label}.json") for name in objects(store.system(), work)):
                return worker, label
        return None

    try:
        worker, label = wait_until(shared_snapshot)
        os.kill(worker.pid, signal.SIGKILL)
        summary = summary_of(far)
    finally:
        far.kill()
        far.communicate()
    [resumed] = [
        int(path.name.rpartition("-")[2])
        for path in Path(cluster.environment["XDG_STATE_HOME"]).glob(f"dcgan/*/tiny/runs/*/training/{label}/events.*")
        if not path.name.endswith(".step-0")
    ]
    return Nights(cluster, summary_of(run(job, cluster.environment)), summary, resumed, label)


@pytest.fixture
def here(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> Nights:
    """This process reaches the store too."""
    for name, value in nights.cluster.environment.items():
        if name.startswith(("AWS_", "XDG_")):
            monkeypatch.setenv(name, value)
    return nights


def test_class_of_the_killed_worker_is_gone_on_with_elsewhere_from_its_snapshot(nights: Nights) -> None:
    assert 0 < nights.killed_at < TRAINING["class_steps"]
    state = Path(nights.cluster.environment["XDG_STATE_HOME"])
    [journal] = state.glob(f"dcgan/*/tiny/runs/*/training/{nights.label}/training.jsonl")
    steps = pd.read_json(journal, lines=True)["step"]
    assert list(steps) == list(range(1, TRAINING["class_steps"] + 1))
    assert sum(worker.poll() is None for worker in nights.cluster.workers) == 1


def test_release_is_byte_for_byte_that_of_the_local_run(here: Nights) -> None:
    near, far = load_release(here.local["release"]), load_release(here.far["release"])
    verify(far.path)
    names = {path.relative_to(near.path).as_posix() for path in near.path.rglob("*") if path.is_file()}
    assert names == {path.relative_to(far.path).as_posix() for path in far.path.rglob("*") if path.is_file()}
    same = [name for name in names if name.startswith(("images/", "models/"))] + ["metadata.jsonl"]
    assert len(same) == 110 + 2 + 1
    for name in same:
        assert (near.path / name).read_bytes() == (far.path / name).read_bytes(), name
    pd.testing.assert_frame_equal(near.manifest.drop(columns="run_id"), far.manifest.drop(columns="run_id"))
    for record in ("balanced_accuracy", "recipe", "arms", "advice", "measures"):
        assert here.local[record] == here.far[record], record


def test_base_has_begun_with_the_other_one_and_learnt_from_images_without_labels(here: Nights) -> None:
    for state in (here.far, here.local):
        assert state["catalogue"]["unlabelled"]["accepted"] == 40
        assert any(one["recipe"]["guessed"] for one in state["recipe"]["tried"])
    [root] = Path(here.cluster.environment["XDG_STATE_HOME"]).glob("dcgan/*/tiny/runs/*")
    bases = [Run(root), Run(Path(here.local["release"]).parents[1] / "runs" / here.local["run_id"])]
    far, near = ((run.base / "model.npz").read_bytes() for run in bases)
    assert far == near
    labelled = sum(outcome["train"] for outcome in here.local["classes"].values())
    for run in bases:
        assert records.read(run.base / "record.json", TrainingRecord).num_images == labelled + 40
        assert (run.given_base / "model.npz").exists()


def test_nothing_of_a_finished_run_stays_in_the_store_but_its_release(here: Nights, store: Store) -> None:
    kept = {name.split("/")[0] for name in objects(store.system(), f"{BUCKET}/outputs/tiny")}
    assert kept == {"releases", "latest", "work"}
    assert list(objects(store.system(), f"{BUCKET}/outputs/tiny/work")) == ["coordinator.json"]
    for worker, home in zip(here.cluster.workers, here.cluster.homes, strict=True):
        assert not alive(worker) or not list(home.glob("**/scratch/*"))


def test_coordinator_has_the_whole_run(here: Nights) -> None:
    [root] = Path(here.cluster.environment["XDG_STATE_HOME"]).glob("dcgan/*/tiny/runs/*")
    run = Run(root)
    for label in ("0", "1"):
        assert (run.training(label) / "timelapse.webp").exists() and (run.generation(label) / "grid.png").exists()
    assert run.measures.exists() and not list(run.root.glob(".tmp-*"))


@pytest.mark.usefixtures("nights")
def test_tasks_of_the_workers_stand_in_prefect(prefect_server: Server) -> None:
    runs = prefect_server.runs()
    [run] = [run for run in runs if run["parameters"].get("job", {}).get("outputs", {}).get("root") == OUTPUTS]
    tasks = prefect_server.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    states = {(task["name"], task["state_name"]) for task in tasks}
    assert {(name, "Completed") for name in ("make 0", "make 1", "measure quality", "judge")} <= states


def test_cluster_that_does_not_answer_is_told_within_seconds(dcgan: Dcgan, tmp_path: Path) -> None:
    job = write_job(tmp_path, run={"on": f"dask://127.0.0.1:{free_port()}"})
    began = time.monotonic()
    done = dcgan("run", job)
    assert done.returncode == 2
    assert "no Dask scheduler answers there" in done.stderr and "dask scheduler" in done.stderr
    assert time.monotonic() - began < 25


def test_tasks_end_when_the_run_is_stopped(nights: Nights, tmp_path: Path) -> None:
    """The folder is shared here, so that the worker works in it, and what it has done stays."""
    job = write_job(tmp_path, run={"on": nights.cluster.address}, training=TRAINING | {"class_steps": 200_000})
    process = run(job, nights.cluster.environment)
    worker = next(worker for worker in nights.cluster.workers if alive(worker))
    wait_until(lambda: class_at_work(worker))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    wait_until(lambda: class_at_work(worker) is None, 10)
    assert list(tmp_path.glob("outputs/tiny/runs/*/base/record.json"))
