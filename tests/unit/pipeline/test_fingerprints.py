"""Fingerprints follow what results follow from: pixels and sides, the config that concerns them, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dcgan.config import parse_job
from dcgan.data.catalogue import scan
from dcgan.pipeline import fingerprints, reuse
from dcgan.run.records import FingerprintsRecord
from dcgan.run.runs import FORMAT
from tests.samples import write_classes, write_noise


def prints(root: Path, **changes: Any) -> FingerprintsRecord:
    values = {"name": "j", "data": {"source": "images"}, "generation": {"per_class": 5}} | changes
    config = parse_job(values, where="test").resolve(root)
    return reuse.fingerprints_of(config, *scan(config.data))[0]


def changed(before: FingerprintsRecord, after: FingerprintsRecord) -> set[str]:
    """The keys that are not as they were."""
    return {name for name in FingerprintsRecord.model_fields if getattr(before, name) != getattr(after, name)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_classes(tmp_path / "images", {"cat": 20, "dog": 20})
    return tmp_path


def test_names_and_bytes_of_files_do_not_count(root: Path) -> None:
    before = prints(root)
    for number, path in enumerate(sorted((root / "images" / "cat").iterdir())):
        content = io.BytesIO(path.read_bytes())
        path.unlink()
        Image.open(content).save(path.with_name(f"{97 * number % 100:03d}.bmp"))
    assert prints(root) == before


def test_a_new_image_reaches_its_class_the_judge_and_the_verdicts_and_no_other_class(root: Path) -> None:
    before = prints(root)
    for number in range(100, 108):  # enough for both sides
        write_noise(root / "images" / "cat" / f"{number}.png", number)
    after = prints(root)
    assert changed(before, after) == {"judge", "evaluation", "release", "classes"}
    assert after.classes["dog"] == before.classes["dog"]
    cats = [found.classes["cat"].model_dump().values() for found in (before, after)]
    assert not set(cats[0]) & set(cats[1])


@pytest.mark.parametrize(
    ("changes", "reached"),
    [
        ({"training": {"preset": "standard"}}, set()),
        ({"outputs": {"keep": 2}, "run": {"threads": 3}}, set()),
        ({"outputs": {"format": "webdataset"}}, {"release"}),
        ({"gate": {"policy": "report"}}, {"evaluation", "release"}),
        ({"generation": {"per_class": 6}}, {"evaluation", "release"}),
        ({"gate": {"classifier_steps": 7}}, {"judge", "recipe", "evaluation", "release"}),
        ({"curation": {"filters": ["blank"]}}, {"generation", "recipe", "evaluation", "release"}),
        ({"training": {"width": 8}}, {"trainings", "training", "generation", "recipe", "evaluation", "release"}),
    ],
)
def test_a_key_of_the_job_reaches_what_follows_from_it(root: Path, changes: dict[str, Any], reached: set[str]) -> None:
    def flat(found: FingerprintsRecord) -> dict[str, str]:
        return found.model_dump(exclude={"classes", "changes", "taken_over"}) | found.classes["cat"].model_dump()

    before, after = flat(prints(root)), flat(prints(root, **changes))
    assert {name for name in before if before[name] != after[name]} == reached


def test_a_new_version_or_format_reaches_everything(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = prints(root)
    monkeypatch.setattr(fingerprints, "FORMAT", FORMAT + 1)
    assert changed(before, prints(root)) == set(FingerprintsRecord.model_fields) - {"changes", "taken_over"}


def test_model_that_measures_counts_by_its_bytes(root: Path) -> None:
    pytest.importorskip("onnxruntime")
    onnx = {"layout": "NCHW", "size": [8, 8], "mean": 0, "std": 255}
    measures = {"features": "onnx:a.onnx", "onnx": onnx}
    (root / "a.onnx").write_bytes(b"one")
    before = prints(root, measures=measures)
    (root / "a.onnx").write_bytes(b"two")
    assert prints(root, measures=measures).evaluation != before.evaluation


def test_real_images_are_sorted_by_side(root: Path) -> None:
    config = parse_job({"name": "j", "data": {"source": "images"}}, where="test").resolve(root)
    table, _ = scan(config.data)
    images = fingerprints.real_images(table, 0.5)
    assert list(images) == ["cat", "dog"]
    for sides in images.values():
        assert len(sides["train"]) + len(sides["holdout"]) == 20 and min(map(len, (sides["train"], sides["holdout"])))
        assert (np.diff(sides["train"]) > 0).all()
