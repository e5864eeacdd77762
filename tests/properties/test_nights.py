"""Night after night by the real command line: what did not change keeps its bytes, also when a night is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from dcgan import load_release
from tests.conftest import DCGAN, Finished
from tests.properties.test_bytes import released_bytes
from tests.samples import tree_hash

Dcgan = Callable[..., subprocess.CompletedProcess[str]]


def next_evening(finished: Finished, folder: Path) -> Path:
    """The job, its images and its outputs after one night, to be changed."""
    shutil.copytree(finished.job_file.parent, folder, symlinks=True)
    return folder / finished.job_file.name


def deliver(job: Path, label: int, count: int) -> None:
    """Real images that the job has not had."""
    digits = load_digits()
    for number, image in enumerate(digits.images[digits.target == label][100 : 100 + count]):
        Image.fromarray((image * 255 / 16).astype("uint8")).save(job.parent / f"images/{label}/new-{number}.png")


def test_night_on_which_nothing_changed_leaves_everything_but_a_line(
    finished: Finished, dcgan: Dcgan, tmp_path: Path
) -> None:
    job = next_evening(finished, tmp_path / "job")
    (job.parent / "images" / "0" / "corrupt.png").write_bytes(b"\x89PNG half a file")
    outputs = job.parent / "outputs" / "tiny"
    before = tree_hash(outputs / "releases") | tree_hash(outputs / "runs")
    done = dcgan("run", job, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["ending"], summary["state"]) == ("unchanged", "Completed: nothing changed")
    assert Path(summary["release"]) == outputs / "releases" / finished.release.name
    assert "1 file left out" in done.stderr and f"Nothing has changed since run {finished.run.name}" in done.stderr
    assert tree_hash(outputs / "releases") | tree_hash(outputs / "runs") == before
    first, second = map(json.loads, (outputs / "history.jsonl").read_text(encoding="utf-8").splitlines())
    assert second["ending"] == "unchanged" and second["run_id"] != first["run_id"]
    assert second["state"] == "Completed: nothing changed"
    assert (second["released"], second["verdicts"]) == (first["released"], first["verdicts"])


def test_release_that_is_not_whole_is_made_again_from_what_its_run_has(
    finished: Finished, run_job: Callable[[Path], Finished], tmp_path: Path
) -> None:
    job = next_evening(finished, tmp_path / "job")
    image = next((job.parent / "outputs" / "tiny" / "latest" / "images" / "0").iterdir())
    image.unlink()
    again = run_job(job)
    assert f"is incomplete, and is made again: images/0/{image.name}" in again.stderr and "trained" not in again.stderr
    assert again.release.name != finished.release.name
    assert released_bytes(again.release) == released_bytes(finished.release)
    load_release(again.release, verify=True)


@pytest.fixture(scope="module")
def grown(
    finished: Finished, run_job: Callable[[Path], Finished], tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    """The night after some images of one class came, and more were asked of another."""
    job = next_evening(finished, tmp_path_factory.mktemp("grown") / "job")
    deliver(job, 0, 6)
    job.write_text(job.read_text(encoding="utf-8").replace("'1': 40", "'1': 55"), encoding="utf-8")
    return run_job(job)


def test_class_that_did_not_change_keeps_its_bytes_and_says_which_run_they_are_of(
    finished: Finished, grown: Finished
) -> None:
    assert "1 class given more images: 1 (55, before 40), 1 trained further: 0 (" in grown.stderr
    before, now = (released_bytes(one.release) for one in (finished, grown))
    for path in before:
        kept = path.startswith("images/1/") or path == "models/1.npz"
        assert (now[path] == before[path]) == kept, path
    manifest = pd.read_parquet(grown.release / "manifest.parquet")
    made_in = manifest.groupby("label")["run_id"].value_counts().to_dict()
    assert made_in == {
        ("0", grown.run.name): 70, ("1", finished.run.name): 40, ("1", grown.run.name): 15,
    }  # fmt: skip
    load_release(grown.release, verify=True)


def test_class_that_is_trained_further_takes_fewer_steps_and_the_base_is_not_trained(grown: Finished) -> None:
    classes = grown.summary["classes"]
    assert classes["0"]["steps"] == 10 and classes["0"]["trained_in"] == grown.run.name
    assert (classes["0"]["change"], classes["1"]["change"]) == ("trained further", "given more images")
    assert "shared base" not in grown.summary["seconds"]
    assert grown.summary["fingerprints"]["classes"]["0"]["generation"] == classes["0"]["fingerprint"]


def test_night_that_was_killed_and_resumed_gives_the_same_bytes(
    finished: Finished,
    grown: Finished,
    run_job: Callable[[Path], Finished],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    job = next_evening(finished, tmp_path / "job")
    shutil.rmtree(job.parent / "images")
    shutil.copytree(grown.job_file.parent / "images", job.parent / "images")
    shutil.copyfile(grown.job_file, job)
    with subprocess.Popen([*DCGAN, "run", str(job)], env=environment, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 300
        runs = job.parent / "outputs" / "tiny" / "runs"
        while not [path for path in runs.glob("*/training/0/step-*.npz") if path.parents[2].name != finished.run.name]:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    resumed = run_job(job)
    assert f"Resuming run {resumed.summary['run_id']}" in resumed.stderr
    assert released_bytes(resumed.release) == released_bytes(grown.release)
