"""Real digits, tiny networks, real processes: what the tests share."""

from __future__ import annotations

import functools
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import s3fs
import yaml
from filelock import FileLock
from PIL import Image
from sklearn.datasets import load_digits

from dcgan.config import ResolvedJob, parse_job
from dcgan.data.catalogue import build_catalogue
from dcgan.data.split import make_split
from dcgan.execution.garbage import without_collection
from dcgan.execution.progress import no_report
from dcgan.pipeline.performing import perform
from dcgan.pipeline.stages import CATALOGUE, SPLIT
from dcgan.run import runs
from dcgan.run.paths import Run
from tests.object_store import Bucket, Proxy, Store, running_store
from tests.prefect_server import Server, make_database, shared_server
from tests.shell import Dcgan, shell

# A shell's background jobs ignore Ctrl-C, and so would the processes that tests interrupt: they inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

FLOWS = Path(__file__).with_name("flows")
DCGAN = [str(Path(sys.executable).with_name("dcgan"))]

# As small and short as gives images that are not blank: these tests are about files, states and bytes, not beauty.
TINY: dict[str, Any] = {
    "generation": {"per_class": {"0": 70, "1": 40}},
    "training": {
        "preset": "quick", "base_steps": 120, "class_steps": 40, "width": 8, "latent_dim": 8, "batch_size": 16,
        "log_steps": 10, "snapshot_seconds": 0,
    },
    # Recipes are chosen in tests/flows/test_nightly.py: with mixup to choose, a run trains twice as many classifiers.
    "gate": {"policy": "report", "classifier_steps": 20, "classifier_seeds": 2, "mixup": False},
    # One at a time: fewer of them start, and another test's use the other core. Two side by side are for tests/faults.
    "run": {"processes": 1, "threads": 1},
}  # fmt: skip

# The same with one class, which starts from no shared base, for tests of what stands around a run.
BRIEF: dict[str, Any] = {
    "generation": {"per_class": {"0": 40}},
    "training": TINY["training"] | {"base": False, "class_steps": 160},
}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Do not look for garbage among what the tests import, neither while they are collected nor later: a third less."""
    with without_collection():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files that mostly wait, for servers and clocks, come among those that compute, so that no core is idle."""
    files = list(dict.fromkeys(item.path for item in items))
    waiting = [file for file in files if file.parent == FLOWS]
    others = iter([file for file in files if file.parent != FLOWS])
    order: list[Path] = []
    for file in waiting:
        order += [*itertools.islice(others, 2), file]
    order += others
    items.sort(key=lambda item: order.index(item.path))


@dataclass
class Finished:
    """A job that was run to its end by the real command line."""

    job_file: Path
    summary: dict[str, Any]
    status: int
    stderr: str

    @property
    def prefect_home(self) -> Path:
        """Where the embedded server recorded it, if this is the run that many tests look at."""
        return self.job_file.parents[1] / "prefect"

    @property
    def release(self) -> Path:
        return Path(self.summary["release"])

    @property
    def run(self) -> Path:
        return self.release.parents[1] / "runs" / self.summary["run_id"]


def write_digits(folder: Path, counts: dict[int, int]) -> None:
    """Write real 8 x 8 digits as PNG, a folder per class."""
    digits = load_digits()
    for label, count in counts.items():
        target = folder / str(label)
        target.mkdir(parents=True)
        for number, image in enumerate(digits.images[digits.target == label][:count]):
            Image.fromarray((image * 255 / 16).astype(np.uint8)).save(target / f"{number:03d}.png")


def write_job(folder: Path, **changes: Any) -> Path:
    """Write a tiny job of three classes of digits; `changes` go over its keys."""
    if not (folder / "images").exists():
        write_digits(folder / "images", {0: 60, 1: 50, 7: 90})
    values = {"name": "tiny", "data": {"source": "images", "holdout": 0.4}, **TINY, **changes}
    (folder / "job.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder / "job.yaml"


def split_run(
    root: Path, change: Callable[[ResolvedJob], ResolvedJob] = lambda job: job, **keys: Any
) -> tuple[Run, ResolvedJob]:
    """A run of the images in `root / "images"`, up to where its networks are trained.

    Args:
        root: folder for all of it.
        change: of the resolved job, past a job file's bounds.
        keys: of the job.
    """
    values = {"name": "t", "data": {"source": str(root / "images")}, "outputs": {"root": str(root / "out")}, **keys}
    job = change(parse_job(values, where="test").resolve(root))
    run, _ = runs.open_run(job)
    build_catalogue(run, job, no_report)
    make_split(run, job)
    return run, job


def planned_run(job: ResolvedJob) -> Run:
    """A run by the job's own first stages, up to where it is planned."""
    run, _ = runs.open_run(job)
    for stage in (CATALOGUE, SPLIT):
        perform(stage, run, job)
    return run


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Folder of what the first of pytest's processes that needs it makes for all."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def database(shared: Path) -> Path:
    """Prefect's database with nothing in it yet, to be copied: to make one takes longer than to start a server."""
    file = shared / "prefect.db"
    with FileLock(f"{file}.lock"):
        if not file.exists():
            make_database(file)
    return file


@pytest.fixture(scope="session")
def serverless(database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of processes that know of no Prefect server, with a Prefect home of their own: a run starts one."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    home = tmp_path_factory.mktemp("prefect")
    shutil.copyfile(database, home / database.name)
    return others | {"PREFECT_HOME": str(home)}


@pytest.fixture(scope="session")
def prefect_server(serverless: dict[str, str], database: Path, shared: Path) -> Iterator[Server]:
    """A real Prefect server, which records the runs of all tests that are not about servers."""
    # It only records: what looks after schedules every few seconds would take a twentieth of a core for nothing.
    idle = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in ("SCHEDULER", "LATE_RUNS", "FOREMAN")}
    with shared_server(serverless | idle, database, shared / "server") as server:
        yield server


@pytest.fixture(scope="session")
def environment(prefect_server: Server) -> dict[str, str]:
    """Environment of the tests' processes. One server for all: to start one takes longer than most of what they do."""
    return prefect_server.environment


@pytest.fixture(scope="session")
def dcgan(environment: dict[str, str]) -> Iterator[Dcgan]:
    """Run the command line to its end, each command in a process of its own that had its libraries at hand."""
    with shell("forking", environment) as run:
        yield run


@pytest.fixture(scope="session")
def lasting(environment: dict[str, str]) -> Iterator[Dcgan]:
    """Run the command line to its end, with workers that earlier commands have left. No browser opens."""
    with shell("lasting", environment | {"BROWSER": "true"}) as run:
        yield run


def command_line(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end as a user does, from nothing."""
    command = [*DCGAN, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="session")
def run_job(lasting: Dcgan) -> Callable[..., Finished]:
    """Run a whole job, which must end well."""
    return functools.partial(finish, lasting)


def finish(dcgan: Dcgan, job_file: Path) -> Finished:
    """Run a whole job, which must end well."""
    done = dcgan("run", job_file, "--json")
    assert done.returncode in (0, 3), done.stderr
    return Finished(job_file, json.loads(done.stdout), done.returncode, done.stderr)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real S3 server on loopback."""
    with running_store(tmp_path_factory.mktemp("store") / "log") as store:
        yield store


@pytest.fixture
def bucket(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket; copies of what is in it go to a folder of the test's own."""

    def go_by(port: int) -> None:
        s3fs.S3FileSystem.clear_instance_cache()
        for name, value in store.environment(port).items():
            monkeypatch.setenv(name, value)

    go_by(store.port)
    for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    store.system().mkdir(name)
    yield Bucket(name, store, store.system(), go_by)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def proxy(bucket: Bucket) -> Iterator[Proxy]:
    """Stands between the test and the store, and notes what the bucket is asked."""
    proxy = Proxy(bucket.store)
    bucket.go_by(proxy.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def finished(serverless: dict[str, str], shared: Path) -> Finished:
    """One whole run, from nothing and on an embedded server, that many tests look at; none may change it."""
    folder = shared / "finished"
    record = folder / "finished.json"
    with FileLock(f"{folder}.lock"):
        if not record.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of another process, which failed
            (folder / "job").mkdir(parents=True)
            own = serverless | {"PREFECT_HOME": str(folder / "prefect")}
            made = finish(functools.partial(command_line, own), write_job(folder / "job", outputs={"base": True}))
            record.write_text(json.dumps([made.summary, made.status, made.stderr]), encoding="utf-8")
    return Finished(folder / "job" / "job.yaml", *json.loads(record.read_text(encoding="utf-8")))
