"""A night on which nearly everything goes wrong: it is interrupted, and resumed with a class whose training diverges
and another whose process is killed, among classes that cannot be used, under names that mean something to others.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml
from PIL import Image

from dcgan.files.names import escape
from dcgan.run.paths import Run
from dcgan.training import snapshots
from dcgan.training.watch import Course
from tests.conftest import DCGAN, TINY, write_digits
from tests.processes import log_of
from tests.samples import tree_hash

SCRIPT, UP = "<script>alert(1)</script> 🐈", "..%2F"
SHIPPED = {SCRIPT: 12, UP: 9}
UNUSABLE = ("damaged", "missing", "one", "three")  # classes without one whole file, without files, with 1 and 3 images
ONNX = {"layout": "NCHW", "size": [8, 8], "mean": 0, "std": 255}
DEADLINE_SECONDS = 240

Dcgan = Callable[..., subprocess.CompletedProcess[str]]


@dataclass
class Night:
    """What the two halves of the night left and said."""

    root: Path
    inputs: dict[str, tuple[str, int]]
    second: subprocess.CompletedProcess[str]
    """The same job, started while the first half ran."""
    interrupted: tuple[int, str]
    """Exit status and standard error of the first half."""
    resumed: subprocess.CompletedProcess[str]

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads(self.resumed.stdout))

    @property
    def release(self) -> Path:
        return Path(self.summary["release"])


def write_inputs(root: Path) -> None:
    write_digits(root / "digits", dict.fromkeys(range(4), 60))
    labels = {0: SCRIPT, 1: UP, 2: "diverges", 3: "killed"}
    rows = [
        (file.relative_to(root).as_posix(), label)
        for digit, label in labels.items()
        for file in sorted((root / "digits" / str(digit)).iterdir())
    ]
    write_digits(root / "few", {4: 1, 5: 3, 6: 10})
    rows += [(file.relative_to(root).as_posix(), "one") for file in (root / "few" / "4").iterdir()]
    rows += [(file.relative_to(root).as_posix(), "three") for file in (root / "few" / "5").iterdir()]
    for file in (root / "few" / "6").iterdir():
        file.write_bytes(file.read_bytes()[:50])
        rows.append((file.relative_to(root).as_posix(), "damaged"))
    rows.append(("few/nowhere.png", "missing"))
    with (root / "images.csv").open("w", encoding="utf-8", newline="") as file_:
        csv.writer(file_).writerows([("path", "label"), *rows])


def write_job(root: Path) -> Path:
    # Long enough for a class's training to be met while it runs.
    training = TINY["training"] | {"class_steps": 400, "learning_rate": 1e-3}
    amounts = SHIPPED | {"diverges": 5, "killed": 5} | dict.fromkeys(UNUSABLE, 5)
    values = TINY | {
        "name": "night", "data": {"source": "images.csv", "holdout": 0.4}, "training": training,
        "generation": {"per_class": amounts}, "run": {"processes": 2, "threads": 1},
        "measures": {"features": "onnx:damaged.onnx", "onnx": ONNX},
    }  # fmt: skip
    (root / "damaged.onnx").write_bytes(b"no model")
    (root / "job.yaml").write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return root / "job.yaml"


def wait_for(what: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    """What comes of asking again and again until something does; the process must live on until then."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := what()):
        assert process.poll() is None and time.monotonic() < deadline, "the run ended too early"
        time.sleep(0.005)
    return found


def first_snapshot(folder: Path) -> tuple[dict[str, np.ndarray], str] | None:
    try:
        return snapshots.load_newest(folder)
    except FileNotFoundError:  # replaced by a newer one in between
        return None


def kill_worker(label: str, stop: threading.Event) -> None:
    """Kill the process that trains a class as soon as there is one."""
    while not stop.wait(0.05):
        for process in psutil.Process().children(recursive=True):
            if log_of(process) == f"make-{label}.log":
                process.kill()
                return


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, dcgan: Dcgan, environment: dict[str, str]) -> Night:
    root = tmp_path_factory.mktemp("night")
    write_inputs(root)
    inputs = tree_hash(root)
    job = write_job(root)

    # First half: a second run is tried while it works, and it is interrupted as "diverges" trains.
    with subprocess.Popen([*DCGAN, "run", str(job)], env=environment, stderr=subprocess.PIPE, text=True) as process:
        run = Run(wait_for(lambda: next(root.glob("outputs/night/runs/2*"), None), process))
        second = dcgan("train", job)
        arrays, course = wait_for(lambda: first_snapshot(run.training("diverges")), process)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=DEADLINE_SECONDS)

    # What a training that has diverged leaves: weights that are no numbers.
    shutil.rmtree(run.training("diverges"))
    poisoned = {name: np.full_like(array, np.nan) if "kernel" in name else array for name, array in arrays.items()}
    snapshots.save(run.training("diverges"), Course.from_json(course).work, poisoned, course)

    # Second half.
    stop = threading.Event()
    killer = threading.Thread(target=kill_worker, args=("killed", stop))
    killer.start()
    resumed = dcgan("run", job, "--json")
    stop.set()
    killer.join()
    return Night(root, inputs, second, (process.returncode, stderr), resumed)


def test_second_run_of_the_same_job_is_refused_and_told_who_runs_it(night: Night) -> None:
    assert night.second.returncode == 1
    assert "this job is being run by another process (pid " in night.second.stderr
    assert "Traceback" not in night.second.stderr


def test_interrupt_ends_with_130_and_says_how_to_go_on(night: Night) -> None:
    status, stderr = night.interrupted
    assert status == 130
    assert "run the same command again to resume" in stderr and "Traceback" not in stderr
    assert not [line for line in psutil.process_iter() if str(night.root) in " ".join(_command(line))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_run_goes_on_where_it_was_interrupted(night: Night) -> None:
    assert f"Resuming run {night.summary['run_id']}" in night.resumed.stderr
    assert len(list((night.root / "outputs" / "night" / "runs").iterdir())) == 1


def test_status_and_state_say_that_some_classes_do_not_ship_and_name_them(night: Night) -> None:
    assert (night.resumed.returncode, night.summary["ending"]) == (3, "partly")
    assert night.summary["state"] == (
        "Completed: 2 classes failed (diverges, killed), 4 classes refused (damaged, missing, one, three)"
    )
    assert night.summary["state"] in night.resumed.stderr and "Traceback" not in night.resumed.stderr


def test_diverged_and_killed_classes_fail_by_their_reasons_and_the_others_ship(night: Night) -> None:
    classes = night.summary["classes"]
    assert classes["diverges"]["verdict"] == "failed" and "training diverged" in classes["diverges"]["reason"]
    assert classes["killed"]["verdict"] == "failed"
    assert classes["killed"]["reason"].startswith("training and generation of class 'killed': its process was killed")
    assert {label: entry["accepted"] for label, entry in classes.items() if entry["verdict"] == "shipped"} == SHIPPED


def test_unusable_classes_are_refused_by_their_reasons(night: Night) -> None:
    reasons = {label: night.summary["classes"][label]["reason"] for label in UNUSABLE}
    assert all(night.summary["classes"][label]["verdict"] == "refused" for label in UNUSABLE)
    assert "0 training images" in reasons["damaged"] and "10 of 10 files left out" in reasons["damaged"]
    assert "0 training images" in reasons["missing"] and "1 of 1 files left out" in reasons["missing"]
    assert night.summary["catalogue"]["reasons"] == {"not an image, or damaged": 10, "file missing": 1}


def test_release_goes_without_measures_whose_model_is_damaged(night: Night) -> None:
    assert (
        "The release has no measures, and its images were not checked by them: measures.features: "
        in night.resumed.stderr
    )
    assert "damaged.onnx cannot be read as an ONNX model" in night.resumed.stderr
    assert night.summary["measures"]["overall"] == {}
    assert "kid" not in night.summary["classes"][UP]["measures"]
    assert night.summary["classes"][UP]["evidence"]["holdout"] > 0  # the gate's are there


def test_inputs_are_as_they_were(night: Night) -> None:
    assert {path: found for path, found in tree_hash(night.root).items() if path in night.inputs} == night.inputs


def test_release_holds_names_of_every_kind_as_they_are_and_as_plain_folders(night: Night) -> None:
    manifest = pd.read_parquet(night.release / "manifest.parquet")
    assert manifest["label"].value_counts().to_dict() == SHIPPED
    assert {path.name for path in (night.release / "images").iterdir()} == {escape(label) for label in SHIPPED}
    with Image.open(night.release / manifest["path"].iloc[0]) as image:
        assert image.info["dcgan-augment:class"] == manifest["label"].iloc[0]
    assert list(pd.read_json(night.release / "metadata.jsonl", lines=True, dtype=False)["label"]) == list(
        manifest["label"]
    )


def test_report_and_card_show_names_and_run_none_of_them(night: Night) -> None:
    class Scripts(HTMLParser):
        found = 0

        def handle_starttag(self, tag: str, _: object) -> None:
            self.found += tag == "script"

    report = (night.release / "report.html").read_text(encoding="utf-8")
    page = Scripts()
    page.feed(report)
    assert page.found == 0 and "&lt;script&gt;alert(1)" in report
    assert "<script" not in (night.release / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def copy(night: Night, tmp_path: Path) -> Path:
    """The release, to tamper with."""
    return Path(shutil.copytree(night.release, tmp_path / "release", copy_function=shutil.copyfile))


def test_verify_passes_a_release_as_it_is(night: Night, dcgan: Dcgan) -> None:
    done = dcgan("verify", night.release, "--json")
    assert done.returncode == 0
    files = [path for path in night.release.rglob("*") if path.is_file() and path.name != "release.sha256"]
    assert json.loads(done.stdout) == {"verified": True, "files": len(files)}


def _tamper(release: Path, image: Path) -> str:
    content = bytearray(image.read_bytes())
    content[-30] ^= 1
    image.write_bytes(content)
    return f"{image.relative_to(release)} has changed"


def _remove(release: Path, image: Path) -> str:
    image.unlink()
    return f"{image.relative_to(release)} is missing"


def _add(release: Path, image: Path) -> str:
    shutil.copy(image, image.with_name("more.png"))
    return f"{image.with_name('more.png').relative_to(release)} does not belong to the release"


def _relabel(release: Path, _: Path) -> str:
    file = release / "manifest.parquet"
    pd.read_parquet(file).assign(label="cat").to_parquet(file, index=False)
    return "manifest.parquet has changed"


@pytest.mark.parametrize("act", [_tamper, _remove, _add, _relabel])
def test_verify_names_what_was_done_to_a_release(copy: Path, dcgan: Dcgan, act: Callable[[Path, Path], str]) -> None:
    told = act(copy, next((copy / "images" / escape(UP)).iterdir()))
    done = dcgan("verify", copy)
    assert done.returncode == 1
    assert told in done.stderr and "(1 problem)" in done.stderr and "Traceback" not in done.stderr


def test_verify_of_something_else_says_what_a_release_is(dcgan: Dcgan, tmp_path: Path) -> None:
    done = dcgan("verify", tmp_path)
    assert done.returncode == 1 and "a release's folder has a release.json" in done.stderr


def test_report_tells_the_verdicts_again(night: Night, dcgan: Dcgan) -> None:
    told = dcgan("report", night.release).stdout
    for label in ("diverges", "killed", *UNUSABLE, *SHIPPED):
        assert f"  {label}: " in told
    assert os.fspath(night.release / "report.html") in told
