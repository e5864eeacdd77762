"""Classes whose names look like something else keep them, by every reader that the docs name."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dcgan.files.names import unescape
from dcgan.release.reader import load_release
from tests.unit import conftest
from tests.unit.release.conftest import KINDS, outside, release_of

LABELS = [
    "01", "02", "1", "1.0", "1e5", "0x1f", "NA", "N/A", "nan", "NaN", "null", "None", "none", "true", "False", "inf",
    "10-00", "_", "~", "a,b", "train", "test",
]  # fmt: skip
DATES = ["2020-01-01", "2021-02-03", "2022-12-31 23:59:59", "2023-01-01T00:00Z"]


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A release of each form whose classes have `LABELS`, and one of files with `DATES`; two images of a class."""
    made = {kind: (kind, LABELS) for kind in KINDS} | {"dates": ("files", DATES)}
    releases = {}
    for name, (kind, labels) in made.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(conftest, "COUNTS", dict.fromkeys(labels, 14) | {"three": 3})
            patch.setattr(conftest, "MADE", dict.fromkeys(labels, 2))
            releases[name] = release_of(conftest.make_run(tmp_path_factory.mktemp(name), kind=kind))
    return releases


def expected(release: Path) -> dict[str, str]:
    """Class name by the SHA-256 of each image's file."""
    rows = load_release(release, verify=True).manifest
    return dict(zip(rows["image_sha256"], rows["label"], strict=True))


@pytest.mark.parametrize("name", ["files", "tfrecord", "webdataset", "dates"])
def test_release_itself(named: dict[str, Path], name: str) -> None:
    release = load_release(named[name], verify=True)
    labels = DATES if name == "dates" else LABELS
    assert release.class_names == sorted([*labels, "three"])
    assert Counter(release.manifest["label"]) == dict.fromkeys(labels, 2)
    images, numbers = release.arrays()
    assert [release.class_names[number] for number in numbers] == list(release.manifest["label"])
    assert len(images) == 2 * len(labels)


PANDAS = """
import json, sys, pandas
parquet = pandas.read_parquet(f"{sys.argv[1]}/manifest.parquet")
csv = pandas.read_csv(f"{sys.argv[1]}/manifest.csv", dtype=str, keep_default_na=False)
print(json.dumps([dict(zip(table["image_sha256"], table["label"])) for table in (parquet, csv)]))
"""


@pytest.mark.parametrize("name", ["files", "dates"])
def test_pandas(named: dict[str, Path], name: str) -> None:
    assert outside(PANDAS, named[name]) == [expected(named[name])] * 2


HUGGING_FACE = """
import hashlib, json, sys, datasets
datasets.disable_progress_bars()
def read(**options):
    rows = datasets.load_dataset(**options, split="train").cast_column("image", datasets.Image(decode=False))
    def content(image):
        return image["bytes"] or open(image["path"], "rb").read()
    return {hashlib.sha256(content(row["image"])).hexdigest(): row["label"] for row in rows}
options = [{"path": sys.argv[1]}]
if sys.argv[2] == "dates":  # of a class that is called `test`, this one makes a split
    options.append({"path": "imagefolder", "data_dir": sys.argv[1]})
print(json.dumps([read(**each) for each in options]))
"""


@pytest.mark.parametrize("name", ["files", "dates"])
def test_hugging_face(named: dict[str, Path], name: str) -> None:
    """Its reader of JSON takes dates for times where all texts of a piece are some."""
    for read in outside(HUGGING_FACE, named[name], name):
        assert read == expected(named[name])


KERAS = """
import json, sys, keras, tensorflow as tf
dataset = keras.utils.image_dataset_from_directory(sys.argv[1] + "/images", image_size=(12, 10), verbose=False)
numbers = [int(number) for _, batch in dataset for number in batch]
shards = [str(path) for path in tf.io.gfile.glob(sys.argv[2] + "/shards/*.tfrecord")]
text = {"image/class/text": tf.io.FixedLenFeature([], tf.string)}
records = [tf.io.parse_single_example(record, text) for record in tf.data.TFRecordDataset(shards)]
texts = [record["image/class/text"].numpy().decode() for record in records]
print(json.dumps([[dataset.class_names[number] for number in numbers], texts]))
"""


def test_keras_and_tensorflow(named: dict[str, Path]) -> None:
    for labels in outside(KERAS, named["files"], named["tfrecord"]):
        assert Counter(map(unescape, labels)) == dict.fromkeys(LABELS, 2)


TORCHVISION = """
import json, sys, torchvision
images = torchvision.datasets.ImageFolder(sys.argv[1] + "/images")
print(json.dumps([images.classes[number] for _, number in images.samples]))
"""


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
def test_torchvision(named: dict[str, Path]) -> None:
    assert Counter(map(unescape, outside(TORCHVISION, named["files"]))) == dict.fromkeys(LABELS, 2)


WEBDATASET = """
import hashlib, json, sys, webdataset
samples = webdataset.WebDataset(sys.argv[1:], shardshuffle=False)
print(json.dumps({hashlib.sha256(sample["png"]).hexdigest(): int(sample["cls"]) for sample in samples}))
"""


def test_webdataset(named: dict[str, Path]) -> None:
    release = load_release(named["webdataset"])
    read = outside(WEBDATASET, *sorted((release.path / "shards").iterdir()))
    assert {digest: release.class_names[number] for digest, number in read.items()} == expected(release.path)


CROISSANT = """
import json, sys, mlcroissant
def plain(value):
    return value.decode() if isinstance(value, bytes) else value
records = mlcroissant.Dataset(jsonld=sys.argv[1] + "/croissant.json").records("images")
print(json.dumps({plain(row["images/image_sha256"]): plain(row["images/label"]) for row in records}))
"""


@pytest.mark.parametrize("name", [*KINDS, "dates"])
def test_croissant(named: dict[str, Path], name: str) -> None:
    assert outside(CROISSANT, named[name]) == expected(named[name])


def test_metadata_are_the_one_file_that_keeps_the_names(named: dict[str, Path]) -> None:
    found = {name: [file.name for file in folder.glob("metadata.*")] for name, folder in named.items()}
    assert found["tfrecord"] == found["webdataset"] == []
    assert found["files"] == ["metadata.jsonl"] and found["dates"] == ["metadata.parquet"]


def test_metadata_are_lines_of_json_where_no_name_is_a_date(releases: dict[str, Path]) -> None:
    rows: list[dict[str, Any]] = [
        json.loads(line) for line in (releases["files"] / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    manifest = load_release(releases["files"]).manifest
    assert rows == manifest[["path", "label"]].rename(columns={"path": "file_name"}).to_dict("records")
