"""`dcgan check` tells what a run would do, what it would cost, and how to begin it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.samples import tree_hash, write_classes

Dcgan = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job whose source has a split that it does not use, and files that are left out."""
    images = tmp_path / "images"
    write_classes(images / "train", {"cat": 40, "dog": 12})
    write_classes(images / "test", {"cat": 10, "dog": 10}, first=100)
    write_classes(images / "val", {"cat": 1}, first=200)
    (images / "train" / "cat" / "empty.png").touch()
    for name in ("one.png", "two.png"):
        (images / "train" / "dog" / name).write_text("no image")
    values = {
        "name": "pets", "data": {"source": "images", "holdout": "test"}, "generation": {"per_class": {"dog": 1500}},
        "training": {"preset": "thorough", "class_steps": 1, "max_minutes": 90},
    }  # fmt: skip
    (tmp_path / "pets.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return tmp_path / "pets.yaml"


def test_check_tells_plan_costs_and_problems_and_writes_nothing(dcgan: Dcgan, job: Path) -> None:
    before = tree_hash(job.parent)
    done = dcgan("check", job, "--no-timing", "--set", "training.width=32")
    assert done.returncode == 0 and tree_hash(job.parent) == before
    lines = done.stderr.splitlines()
    for line in (
        "Images      12 x 10 px, RGB",
        "Training    preset thorough, width 32, 90 min at most",
        "            up to 16,000 steps of the shared base, then up to 1 step for each class asked for",
        "Generation  1,500 images for 1 of 2 classes",
        "Not used: 1 image of split val",
        "Left out: 1 file, empty file",
        "Left out: 2 files, not an image, or damaged",
        "  train/cat/empty.png: empty file",
        f"Next: dcgan run {job} --set training.width=32",
    ):
        assert line in lines
    assert lines[-1].startswith("Next: ")
    [cat, dog] = [[cell.strip() for cell in line.split("│")[1:5]] for line in lines if line.startswith("│")]
    assert cat == ["cat", "40", "10", "0"] and dog == ["dog", "12", "10", "1500"]


def test_disk_is_what_the_run_itself_asks_for(dcgan: Dcgan, job: Path) -> None:
    told = json.loads(dcgan("check", job, "--no-timing", "--json").stdout)
    assert f"up to {told['estimated_bytes'] / 1e6:,.0f} MB in " in dcgan("check", job, "--no-timing").stderr
    # The images as if PNG saved nothing, and more for wider networks.
    assert told["estimated_bytes"] > 1500 * 12 * 10 * 3
    wider = json.loads(dcgan("check", job, "--no-timing", "--json", "--set", "training.width=128").stdout)
    assert wider["estimated_bytes"] > told["estimated_bytes"] and wider["training"]["width"] == 128


def test_job_without_a_base_is_told_without_one(dcgan: Dcgan, job: Path) -> None:
    lines = dcgan(
        "check", job, "--no-timing", "--set", "training.base=false", "--set", "training.max_minutes=null"
    ).stderr
    assert "preset thorough, width 64\n            up to 1 step for each class asked for\n" in lines
