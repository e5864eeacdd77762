"""A release as other programs read it, which know nothing of this project."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan.files.names import unescape
from dcgan.release.card import dataset_card
from dcgan.release.formats import image_path
from dcgan.release.manifest import ManifestWriter, class_rows
from dcgan.release.reader import load_release
from tests.unit.conftest import CAT, MADE, SCRIPT, UP, make_run
from tests.unit.release.conftest import outside

TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
IMAGE_FOLDER = """
import json, sys, datasets, numpy
datasets.disable_progress_bars()
options = json.loads(sys.argv[1])
rows = datasets.load_dataset(**options, split="train")
print(json.dumps([(numpy.asarray(row["image"]).tolist(), row["label"]) for row in rows]))
"""
PANDAS = """
import json, sys, pandas
folder = sys.argv[1]
columns = ["image_id", "label", "class_index", "nearest_real_distance"]
tables = [pandas.read_parquet(f"{folder}/manifest.parquet"), pandas.read_csv(f"{folder}/manifest.csv")]
print(json.dumps([table[columns].values.tolist() for table in tables]))
"""


@pytest.mark.parametrize("options", [{"path": "{}"}, {"path": "imagefolder", "data_dir": "{}"}], ids=["card", "folder"])
def test_hugging_face_gives_every_image_its_label(releases: dict[str, Path], options: dict[str, str]) -> None:
    release = load_release(releases["files"])
    given = {name: value.format(release.path) for name, value in options.items()}
    read = outside(IMAGE_FOLDER, json.dumps(given))
    images, _ = release.arrays()
    expected = zip(images, release.manifest["label"], strict=True)
    assert {(np.array(image, np.uint8).tobytes(), label) for image, label in read} == {
        (image.tobytes(), label) for image, label in expected
    }
    assert len(read) == len(images)


def test_hugging_face_takes_no_class_for_a_split_by_the_card(tmp_path: Path) -> None:
    """`imagefolder` by itself gives those of the class `test` to a split of that name, and drops the others."""
    made = make_run(tmp_path)
    labels = {SCRIPT: "train", UP: "test", CAT: "cat"}
    card = dataset_card(made.config, made.outcome)
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "README.md").write_text(card)
    with ManifestWriter(tmp_path / "release", image_folder=True) as manifest:
        for label, name in labels.items():
            for rows in class_rows(made.run, label, 0):
                paths = [image_path(name, image_id) for image_id in rows["image_id"]]
                (tmp_path / "release" / "images" / name).mkdir(parents=True)
                for image_id, path in zip(rows["image_id"], paths, strict=True):
                    shutil.copy(made.run.generation(label) / "images" / f"{image_id}.png", tmp_path / "release" / path)
                manifest.add(rows.assign(path=paths, label=name))
    read = outside(IMAGE_FOLDER, json.dumps({"path": str(tmp_path / "release")}))
    assert Counter(label for _, label in read) == {labels[label]: count for label, count in MADE.items()}


def test_folders_are_laid_out_as_torchvision_wants_them(releases: dict[str, Path]) -> None:
    """By what ImageFolder's page says, `root/<class>/<name>.png`, classes numbered by name: torch is not installed
    here, whose wheels in the registry bring CUDA along."""
    release = load_release(releases["files"])
    root = release.path / "images"
    classes = sorted(folder.name for folder in root.iterdir())
    samples = [(file, classes.index(file.parent.name)) for name in classes for file in sorted((root / name).iterdir())]
    assert all(file.suffix == ".png" for file, _ in samples) and len(samples) == len(release.manifest)
    labels = dict(zip(release.manifest["path"], release.manifest["label"], strict=True))
    for file, number in samples:
        assert labels[file.relative_to(release.path).as_posix()] == unescape(classes[number])
        with Image.open(file) as image:
            assert image.convert("RGB").size == (10, 12)  # as ImageFolder's own loader does


def test_pandas_reads_both_manifests(releases: dict[str, Path]) -> None:
    columns = ["image_id", "label", "class_index", "nearest_real_distance"]
    expected = load_release(releases["files"]).manifest[columns].to_numpy().tolist()
    assert outside(PANDAS, releases["files"]) == [expected, expected]


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed: `make system` does it as root")
def test_exiftool_finds_both_marks_in_every_image(releases: dict[str, Path]) -> None:
    release = load_release(releases["files"])
    command = ["exiftool", "-json", "-G1", "-recurse", "-charset", "filename=utf8", str(release.path / "images")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = {Path(entry["SourceFile"]).relative_to(release.path).as_posix(): entry for entry in json.loads(done.stdout)}
    assert set(told) == set(release.manifest["path"])
    for row in release.manifest.to_dict("records"):
        entry = told[row["path"]]
        assert entry["XMP-iptcExt:DigitalSourceType"] == TRAINED
        assert entry["PNG:Dcgan-augment"] == "synthetic"  # exiftool leaves out the colons of a text chunk's keyword
        assert entry["PNG:Dcgan-augmentclass"] == row["label"] and entry["PNG:Dcgan-augmentjob"] == "odd"
        assert entry["PNG:Dcgan-augmentindex"] == row["index"]
        assert entry["PNG:Dcgan-augmentmodel-sha256"] == row["model_sha256"]
