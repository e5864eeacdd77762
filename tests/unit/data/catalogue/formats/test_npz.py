"""Arrays: our own, MedMNIST's and Keras'."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dcgan.data.catalogue.formats import npz
from tests.samples import listed, noise, refusal, source_of


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_are_listed_by_row_and_open_as_they_are(tmp_path: Path, channels: int) -> None:
    images = np.stack([noise(number, channels=channels) for number in range(3)])
    splits = ["train", "train", "test"]
    np.savez(tmp_path / "d.npz", images=images, labels=[1, 0, 1], class_names=["NA", "é"], split=splits)
    source = source_of(tmp_path / "d.npz")
    assert [(entry.path, entry.label, entry.split) for entry in source.entries] == [
        ("d.npz#0", "é", "train"), ("d.npz#1", "NA", "train"), ("d.npz#2", "é", "test"),
    ]  # fmt: skip
    item = source.item(2)
    assert item.read() == images[2].tobytes()
    np.testing.assert_array_equal(np.asarray(item.picture(b"")), images[2])


def test_arrays_with_one_channel_at_the_end_are_grey(tmp_path: Path) -> None:
    images = noise(0, channels=1)[None, ..., None]
    np.savez(tmp_path / "d.npz", images=images, labels=["cat"])
    assert source_of(tmp_path / "d.npz").item(0).picture(b"").mode == "L"


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"images": np.zeros((2, 8, 8), np.uint8)}, "no array labels"),
        ({"images": np.zeros((2, 8, 8), np.float32), "labels": [0, 1]}, "expected images as uint8"),
        ({"images": np.zeros((2, 3, 8, 8), np.uint8), "labels": [0, 1]}, "expected images as uint8"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": [0, 1, 1]}, "one label"),
        (
            {"images": np.zeros((2, 8, 8), np.uint8), "labels": [0, 2], "class_names": ["a", "b"]},
            "not one of the 2 classes",
        ),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([{}, {}])}, "cannot be read"),
    ],
)
def test_arrays_of_another_form_are_refused_with_what_was_expected(
    tmp_path: Path, arrays: dict[str, Any], told: str
) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    assert told in refusal(tmp_path / "d.npz")


def arrays(count: int, first: int = 0, channels: int = 3) -> np.ndarray:
    return np.stack([noise(first + number, channels=channels) for number in range(count)])


FAMILIES = {
    "MedMNIST's arrays": ("{split}_images", "{split}_labels", ("train", "val", "test")),
    "Keras' arrays": ("x_{split}", "y_{split}", ("train", "test")),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_by_split_are_read_as_they_stand(tmp_path: Path, family: str, channels: int) -> None:
    images, labels, splits = FAMILIES[family]
    content: dict[str, Any] = {}
    for number, split in enumerate(splits):
        content[images.format(split=split)] = arrays(4 - number, 10 * number, channels)
        classes = np.arange(4 - number, dtype=np.uint8) % 2
        content[labels.format(split=split)] = classes[:, None] if "Med" in family else classes
    np.savez(tmp_path / "d.npz", **content)
    source = source_of(tmp_path / "d.npz")
    told = source.reading.in_words(source.entries)
    counts = "train (4), test (2) and val (3)" if "val" in splits else "train (4) and test (3)"
    assert told.startswith(f"{family}, splits {counts}") and "the README of the set says" in told
    prefix = images.format(split="test")
    assert listed(tmp_path / "d.npz")[f"d.npz#{prefix}/1"] == ("1", "test", "")
    number = [entry.path for entry in source.entries].index(f"d.npz#{prefix}/1")
    expected = noise(10 * splits.index("test") + 1, channels=channels)
    np.testing.assert_array_equal(np.asarray(source.item(number).picture(b"")), expected)
    assert {split for _, split, _ in listed(tmp_path / "d.npz", splits=False).values()} == {""}


def test_readme_beside_numbered_classes_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=arrays(2), y_train=[0, 1])
    (tmp_path / "README.txt").write_text("0 is a cat")
    described = source_of(tmp_path / "d.npz").reading.in_words([])
    assert "classes by number only (README.txt says what they are)" in described


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        (np.array([b"cat", b"d\xc3\xa9g"]), None, ["cat", "dég"]),
        (np.array([True, False]), None, ["True", "False"]),
        (np.array([True, False]), ["a", "b"], ["b", "a"]),
        (np.array([0.0, 1.0]), None, ["0", "1"]),
        (np.array([0.0, 1.0]), ["a", "b"], ["a", "b"]),
        (np.array([[1], [0]]), [b"a", b"b"], ["b", "a"]),
        (np.array([[0, 1], [1, 0]]), ["a", "b"], ["b", "a"]),
        (np.array([0.5, 1.0]), ["a", "b"], "the label '0.5'"),
        (np.array([[1, 1], [1, 0]]), None, "rows of 0 and a single 1"),
        (np.array([-1, 0]), ["a", "b"], "the label -1 is not one of the 2 classes"),
        (np.array(["2024-01-01", "2024-01-02"], "datetime64[D]"), None, "is a date"),
    ],
)
def test_labels_that_are_no_text_are_decoded_indices_or_refused(
    tmp_path: Path, labels: np.ndarray, names: list[Any] | None, expected: list[str] | str
) -> None:
    content: dict[str, Any] = {"images": arrays(2), "labels": labels}
    content |= {} if names is None else {"class_names": np.array(names)}
    np.savez(tmp_path / "d.npz", **content)
    if isinstance(expected, str):
        assert expected in refusal(tmp_path / "d.npz")
    else:
        assert [entry.label for entry in source_of(tmp_path / "d.npz").entries] == expected


def test_header_that_promises_more_than_there_is_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 64, 64)})
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue())
    assert "array images should have 4,096,000,000,000 bytes and has" in refusal(tmp_path / "d.npz")


def test_arrays_that_do_not_fit_into_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "d.npz", images=np.zeros((1000, 64, 64), np.uint8), labels=np.zeros(1000, int))
    assert (tmp_path / "d.npz").stat().st_size < 100_000
    monkeypatch.setattr(npz, "MEMORY_SHARE", 1e-9)
    assert "of memory are free" in refusal(tmp_path / "d.npz")
