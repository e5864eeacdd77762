"""Jobs that cannot be, and places that cannot be written: the real command line says why, and ends as it promises."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from dcgan.run import history, records
from dcgan.run.paths import Run
from dcgan.run.records import Ending, RunRecord
from tests.conftest import write_job
from tests.samples import tree_hash, write_classes, write_noise
from tests.small_disk import small_disk

Dcgan = Callable[..., subprocess.CompletedProcess[str]]


def job_of(folder: Path, **changes: Any) -> Path:
    values = {"name": "bad", "data": {"source": "images"}, **changes}
    (folder / "job.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder / "job.yaml"


def refused(done: subprocess.CompletedProcess[str], status: int, *parts: str) -> None:
    """The process ended with `status`, and one message holds all parts."""
    assert done.returncode == status, done.stderr
    messages = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(messages) == 1 and "Traceback" not in done.stderr
    for part in parts:
        assert part in messages[0]


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"generation": {"per_class": 0}}, ["generation", "0 images", "at least 1"]),
        ({"generation": {"per_class": -3}}, ["generation.per_class", "-3", "greater than or equal to 0"]),
        ({"version": 99}, ["version 99", "reads up to 1", "upgrade"]),
        ({"outputs": {"root": "images/made"}}, ["outputs.root", "inside data.source"]),
        ({"trainig": {}}, ["trainig: unknown key", "training"]),
    ],
)
def test_config_that_cannot_be_is_refused(
    tmp_path: Path, dcgan: Dcgan, changes: dict[str, Any], parts: list[str]
) -> None:
    (tmp_path / "images").mkdir()
    refused(dcgan("run", job_of(tmp_path, **changes)), 2, "job.yaml" if "outputs" not in changes else "", *parts)


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("trainig.width=8", ["trainig: unknown key"]),
        ("training.widht=8", ["training.widht: unknown key", "width"]),
        ("training.width=lots", ["training.width", "'lots'", "integer"]),
        ("training", ["--set training", "key=value"]),
    ],
)
def test_setting_that_cannot_be_is_refused(tmp_path: Path, dcgan: Dcgan, setting: str, parts: list[str]) -> None:
    refused(dcgan("run", job_of(tmp_path), "--set", setting), 2, *parts)


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (os.mkfifo, ["job.yaml", "pipe or device, expected a file"]),
        (lambda file: file.symlink_to("/dev/zero"), ["job.yaml", "pipe or device, expected a file"]),
        (lambda file: file.write_text("a: " + "[" * 100_000), ["job.yaml", "nested deeper than"]),
        (lambda file: file.write_text("name: a\ndata: {source: i, source: j}"), ["job.yaml", "'source'"]),
    ],
)
def test_job_file_that_would_hang_or_mislead_is_refused(
    tmp_path: Path, dcgan: Dcgan, make: Callable[[Path], object], parts: list[str]
) -> None:
    make(tmp_path / "job.yaml")
    done = dcgan("run", tmp_path / "job.yaml")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert all(part in done.stderr for part in parts)


def _nothing(_: Path) -> None:
    """The source is missing."""


def _empty(images: Path) -> None:
    images.mkdir()


def _one_class(images: Path) -> None:
    write_classes(images, {"cat": 20, "empty": 0})


def _all_damaged(images: Path) -> None:
    for file in write_classes(images, {"cat": 3, "dog": 3}).rglob("*.png"):
        file.write_bytes(file.read_bytes()[:40])


def _mixed_sizes(images: Path) -> None:
    for number in range(20):
        write_noise(images / "cat" / f"{number}.png", number, 8 + 4 * number, 90 - 4 * number)
        write_noise(images / "dog" / f"{number}.png", 50 + number, 8 + 4 * number, 90 - 4 * number)


def _too_few(images: Path) -> None:
    write_classes(images, {"none": 0, "one": 1, "three": 3})


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (_nothing, ["images does not exist", "relative to the job file"]),
        (_empty, ["no usable image", "At least two classes"]),
        (_one_class, ["one class only, 'cat'", "20 files and 2 classes"]),
        (_all_damaged, ["no usable image", "6 not an image, or damaged"]),
        (_mixed_sizes, ["sizes differ widely", "data.image_size"]),
        (_too_few, ["no class has enough", "none: 0 training images", "one: ", "three: ", "at least 8"]),
    ],
)
def test_images_that_cannot_serve_are_refused_and_nothing_is_written(
    tmp_path: Path, dcgan: Dcgan, make: Callable[[Path], None], parts: list[str]
) -> None:
    make(tmp_path / "images")
    job = job_of(tmp_path)
    before = tree_hash(tmp_path)
    refused(dcgan("check", job), 2, *parts)
    assert tree_hash(tmp_path) == before


def test_run_of_images_that_cannot_serve_ends_alike_and_is_not_resumed(tmp_path: Path, dcgan: Dcgan) -> None:
    _one_class(tmp_path / "images")
    refused(dcgan("run", job_of(tmp_path)), 2, "one class only, 'cat'")
    [run] = (tmp_path / "outputs" / "bad" / "runs").iterdir()
    record = records.read(run / "run.json", RunRecord)
    assert record.ending is Ending.FAILED and record.state.startswith("Failed: data.source")
    [night] = history.read(Run(run).job)
    assert night.run_id == run.name and night.state.startswith("Failed: data.source") and not night.verdicts


def test_held_out_images_that_are_all_near_training_images_are_refused_before_the_first_step(
    tmp_path: Path, dcgan: Dcgan
) -> None:
    images = write_classes(tmp_path / "images" / "train", {"cat": 24, "dog": 24})
    for file in images.rglob("*.png"):
        brighter = np.clip(np.asarray(Image.open(file)).astype(int) + 1, 0, 255).astype(np.uint8)
        target = tmp_path / "images" / "test" / file.relative_to(images)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(brighter).save(target)
    job = job_of(tmp_path, data={"source": "images", "holdout": "test"}, generation={"per_class": 5})
    refused(dcgan("run", job), 2, "no class has both", "48 held-out images not counted here", "frames of a film")
    [run] = (tmp_path / "outputs" / "bad" / "runs").iterdir()
    assert not (run / "judge").exists() and records.read(run / "run.json", RunRecord).ending is Ending.FAILED


def test_share_of_candidates_that_completes_no_class_is_refused(tmp_path: Path, dcgan: Dcgan) -> None:
    write_classes(tmp_path / "images", {"cat": 40, "dog": 40})
    refused(
        dcgan("check", job_of(tmp_path, curation={"critic_share": 0.01})), 2, "curation.critic_share", "at least 0.05"
    )


def test_plan_names_what_is_refused_and_what_is_left_out(tmp_path: Path, dcgan: Dcgan) -> None:
    images = write_classes(tmp_path / "images", {"cat": 40, "dog": 40, "none": 0, "one": 1, "three": 3})
    os.mkfifo(images / "dog" / "pipe.png")  # opened like a file, it would wait for ever
    (images / "cat" / "empty.png").touch()
    (images / ".git").mkdir()
    (images / ".git" / "config").touch()
    before = tree_hash(images / "cat")
    done = dcgan("check", job_of(tmp_path, generation={"per_class": 5}), "--no-timing", "--json")
    assert done.returncode == 0
    plan = yaml.safe_load(done.stdout)
    assert {label: entry["state"] for label, entry in plan["plan"].items()} == {
        "cat": "ok", "dog": "ok", "none": "refused", "one": "refused", "three": "refused",
    }  # fmt: skip
    assert plan["catalogue"]["reasons"] == {
        "empty file": 1, "not an image, or damaged": 1, "hidden or system file": 1,
    }  # fmt: skip
    assert tree_hash(images / "cat") == before
    assert not (tmp_path / "outputs").exists()


def test_outputs_that_cannot_be_written_are_told_by_their_key(tmp_path: Path, dcgan: Dcgan) -> None:
    (tmp_path / "file").touch()  # no user may make a folder below a file, root neither
    done = dcgan("train", write_job(tmp_path, outputs={"root": "file/outputs"}))
    refused(done, 1, "cannot write", str(tmp_path / "file" / "outputs"), "outputs.root")


def test_disk_that_is_nearly_full_is_told_before_the_work_begins(tmp_path: Path, dcgan: Dcgan) -> None:
    with small_disk(tmp_path / "disk", 8_000) as disk:
        done = dcgan("train", write_job(tmp_path, outputs={"root": str(disk)}))
        refused(done, 1, "MB free, but this run needs about", "outputs.root")
        assert not list(disk.glob("tiny/runs/*/base"))


def test_disk_that_is_full_is_told_as_such(tmp_path: Path, dcgan: Dcgan) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        (disk / "ballast").write_bytes(b"x" * 48_000)
        done = dcgan("train", write_job(tmp_path, outputs={"root": str(disk)}))
        refused(done, 1, "cannot write", "No space left on device")
        assert not list(disk.glob("tiny/runs/*/.tmp-*")) and not list(disk.glob("tiny/runs/*/catalogue"))
