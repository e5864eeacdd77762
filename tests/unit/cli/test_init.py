"""`dcgan init` writes a job file that `check` accepts, says why, and overwrites nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from dcgan.cli import init
from tests.samples import noise, tree_hash, write_classes, write_noise

Done = subprocess.CompletedProcess[str]
Dcgan = Callable[..., Done]


def write_job(dcgan: Dcgan, source: Path, *options: str | Path) -> tuple[dict[str, Any], str]:
    """Have a job file written for a source, which must not change; its values and its text."""
    before, target = tree_hash(source), source.parent / "new.yaml"
    done = dcgan("init", source, "--out", target, "--no-timing", *options)
    assert done.returncode == 0, done.stderr
    assert tree_hash(source) == before and done.stderr.splitlines()[-1] == f"Next: dcgan check {target}"
    checked = dcgan("check", target, "--no-timing")
    assert checked.returncode == 0, checked.stderr
    text = target.read_text(encoding="utf-8")
    return yaml.safe_load(text), text


def test_folder_of_unequal_classes(tmp_path: Path, dcgan: Dcgan) -> None:
    source = write_classes(tmp_path / "Käfer & co", {"rare": 18, "common": 150})
    (source / "common" / "note.txt").write_text("no image")
    values, text = write_job(dcgan, source)
    assert values["name"] == "Käfer-co" and values["data"]["source"] == "Käfer & co"
    assert values["data"]["image_size"] == [12, 10] and values["data"]["channels"] == 3
    assert values["generation"] == {"balance": "max"} and values["training"] == {"preset": "standard"}
    assert 0.2 <= values["data"]["holdout"] <= 0.5 and values["gate"] == {"policy": "no_harm", "recipes": []}
    for told in (
        "# read as: folder per class", "# [height, width] in px: nearly all images are 12 x 10 px",
        "# 3: ", "# fill every class up to the largest", "# Left out: 1 file, not an image, or damaged",
        "# Fewer than 20 held-out images, and so no verdict: rare.", "# quick: to try", "a verdict on a class",
    ):  # fmt: skip
        assert told in text


def test_splits_of_the_set_are_held_out_and_equal_classes_get_half_as_many(tmp_path: Path, dcgan: Dcgan) -> None:
    for number, split in enumerate(("Training", "Validation", "Testing")):
        write_classes(tmp_path / "set" / split, {"cat": 20, "dog": 20}, first=100 * number)
    values, text = write_job(dcgan, tmp_path / "set")
    assert values["data"]["holdout"] == "test" and values["generation"] == {"ratio": 0.5}
    assert (
        "# the set's own split: 40 images that no GAN sees" in text
        and "# Not used: 40 images of split validation" in text
    )


def test_large_images_of_many_sizes_are_made_smaller_and_keep_their_form(tmp_path: Path, dcgan: Dcgan) -> None:
    for number in range(40):
        write_noise(tmp_path / "set" / "cat" / f"{number}.png", number, 200 + 10 * number, 400 + 10 * number, 1)
        write_noise(tmp_path / "set" / "dog" / f"{number}.png", 50 + number, 200 + 10 * number, 400 + 10 * number, 1)
    values, text = write_job(dcgan, tmp_path / "set")
    assert values["data"]["image_size"] == [40, 64] and values["data"]["channels"] == 1
    assert "images are of many sizes, 395 x 595 px in the middle" in text and "# 1: every image is grey" in text


def test_table_and_arrays(tmp_path: Path, dcgan: Dcgan) -> None:
    images = write_classes(tmp_path / "set" / "imgs", {"a": 40, "b": 40})
    rows = "".join(f"{file.stem},{file.parent.name}\n" for file in sorted(images.rglob("*.png")))
    for file in sorted(images.rglob("*.png")):
        file.rename(images / f"{file.parent.name}{file.name}")
    (tmp_path / "set" / "train.csv").write_text("id_code,diagnosis\n" + "".join(
        f"{label}{line.split(',')[0]},{label}\n" for line in rows.splitlines() for label in [line.split(",")[1]]
    ))  # fmt: skip
    done = dcgan("init", tmp_path / "set" / "train.csv", "--out", tmp_path / "job.yaml")
    assert done.returncode == 2 and "data.columns: {path: COLUMN, label: COLUMN}" in done.stderr
    assert f"dcgan init {tmp_path / 'set' / 'train.csv'} --set KEY=VALUE" in done.stderr
    settings = ("--set", "data.columns={path: id_code, label: diagnosis}", "--set", "data.images=imgs/")
    assert (
        dcgan(
            "init", tmp_path / "set" / "train.csv", "--out", tmp_path / "job.yaml", "--no-timing", *settings
        ).returncode
        == 0
    )
    values = yaml.safe_load((tmp_path / "job.yaml").read_text(encoding="utf-8"))
    assert (
        values["data"]["columns"] == {"path": "id_code", "label": "diagnosis"} and values["data"]["images"] == "imgs/"
    )
    assert dcgan("check", tmp_path / "job.yaml", "--no-timing").returncode == 0
    np.savez(tmp_path / "d.npz", x_train=np.stack([noise(n) for n in range(80)]), y_train=np.arange(80) % 2)
    assert dcgan("init", tmp_path / "d.npz", "--out", tmp_path / "arrays.yaml", "--no-timing").returncode == 0
    assert "the README of the set says what they are" in (tmp_path / "arrays.yaml").read_text(encoding="utf-8")
    assert dcgan("check", tmp_path / "arrays.yaml", "--no-timing").returncode == 0


def test_what_is_asked_is_asked_and_the_answer_is_written(tmp_path: Path, dcgan: Dcgan) -> None:
    for label, first in (("cat", 0), ("dog", 50)):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(40):
            values = np.random.default_rng(first + number).integers(0, 4096, (16, 16)).astype(np.uint16)
            Image.fromarray(values).save(tmp_path / "set" / label / f"{number}.png")
    done = dcgan("init", tmp_path / "set", "--out", tmp_path / "new.yaml")
    assert done.returncode == 2 and "data.range: [0, 4095]" in done.stderr and not (tmp_path / "new.yaml").exists()
    written, _ = write_job(dcgan, tmp_path / "set", "--set", "data.range=[0, 4095]", "--set", "training.preset=quick")
    assert written["data"]["range"] == [0, 4095] and written["training"] == {"preset": "quick"}


def test_nothing_is_overwritten_or_written_among_the_images(
    tmp_path: Path, dcgan: Dcgan, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_classes(tmp_path / "set", {"cat": 40, "dog": 40})
    (tmp_path / "job.yaml").write_text("mine")
    monkeypatch.chdir(tmp_path)
    done = dcgan("init", "set")
    assert done.returncode == 2 and "is not overwritten" in done.stderr
    assert (tmp_path / "job.yaml").read_text() == "mine"
    monkeypatch.chdir(source)
    before = tree_hash(source)
    done = dcgan("init", ".")
    assert done.returncode == 2 and "among the images" in done.stderr and tree_hash(source) == before


def test_images_that_cannot_serve_a_job_leave_no_file(tmp_path: Path, dcgan: Dcgan) -> None:
    write_classes(tmp_path / "set", {"cat": 4, "dog": 4})
    done = dcgan("init", tmp_path / "set", "--out", tmp_path / "new.yaml")
    assert done.returncode == 2 and "no class has enough real images" in done.stderr
    assert dcgan("init", tmp_path / "nowhere", "--out", tmp_path / "new.yaml").returncode == 2
    assert not (tmp_path / "new.yaml").exists()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/sets/flowers", "flowers"),
        ("/sets/flowers/train", "train"),
        ("/sets/flowers/train.csv", "flowers"),
        ("/sets/flowers/roses.csv", "roses"),
        ("s3://flowers/2026/labels.parquet", "2026"),
        ("/Labels.csv", "job"),
    ],
)
def test_file_whose_name_says_nothing_is_called_by_its_folder(source: str, name: str) -> None:
    assert init._name(source) == name


def test_names_that_mean_something_to_yaml_stay_what_they_are(tmp_path: Path, dcgan: Dcgan) -> None:
    source = tmp_path / "a: b #c\n"
    write_classes(source, {"no": 30, "null\n": 40, "# x": 80})
    values, text = write_job(dcgan, source)
    assert values["data"]["source"] == "a: b #c\n" and "null\\x0a" in text
