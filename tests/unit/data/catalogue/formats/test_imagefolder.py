"""Hugging Face image folders: metadata at the root or by split, splits by column or by folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from tests.samples import listed, refusal, source_of, write_classes, write_noise

# What spreadsheets, YAML and pandas take for something else, and names in other scripts.
NAMES = ["NA", "null", "None", "nan", "007", "1e5", "true", "no", "-1", "日本語", "père Noël", "🐈‍⬛", "a b", "مرحبا"]

Rows = list[dict[str, Any]]


def as_csv(file: Path, rows: Rows) -> None:
    pd.DataFrame(rows).to_csv(file.with_suffix(".csv"), index=False)


def as_jsonl(file: Path, rows: Rows) -> None:
    file.with_suffix(".jsonl").write_text("\n".join(map(json.dumps, rows)))


def as_parquet(file: Path, rows: Rows) -> None:
    pd.DataFrame(rows).to_parquet(file.with_suffix(".parquet"))


WRITERS = [as_csv, as_jsonl, as_parquet]


@pytest.mark.parametrize("names", [NAMES, ["007", "010"]])  # a column of nothing but numbers is read differently
@pytest.mark.parametrize("write", WRITERS)
def test_metadata_gives_every_name_as_it_stands(
    tmp_path: Path, write: Callable[[Path, Rows], None], names: list[str]
) -> None:
    write_noise(tmp_path / "img" / "a.png", 0)
    write(tmp_path / "metadata", [{"file_name": "img/a.png", "label": name} for name in names])
    entries = source_of(tmp_path).entries
    assert [entry.label for entry in entries] == names and {entry.path for entry in entries} == {"img/a.png"}


SPLITS = {"train": 3, "test": 2}
LAYOUTS = {  # where images and metadata are, and what `file_name` is
    "metadata at the root": (".", "{split}/{label}{n}.png", "{split}/{label}{n}.png"),
    "metadata in each split": ("{split}", "{split}/{label}{n}.png", "{label}{n}.png"),
    "images below": ("{split}", "{split}/images/{label}{n}.png", "images/{label}{n}.png"),
}


def write_layout(root: Path, layout: str, write: Callable[[Path, Rows], None], label: str = "label") -> dict[str, Any]:
    """Write a set of cats and dogs; what should be read of it."""
    where, path, name = LAYOUTS[layout]
    rows: dict[Path, Rows] = {}
    expected: dict[str, Any] = {}
    for split, count in SPLITS.items():
        for one in ("cat", "dog"):
            for number in range(count):
                told = {"split": split, "label": one, "n": number}
                write_noise(root / path.format(**told), len(expected))
                rows.setdefault(root / where.format(**told), []).append({"file_name": name.format(**told), label: one})
                expected[path.format(**told)] = (one, split, "")
    for folder, some in rows.items():
        write(folder / "metadata", some)
    return expected


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("write", WRITERS)
def test_splits_are_those_of_the_folders(tmp_path: Path, layout: str, write: Callable[[Path, Rows], None]) -> None:
    expected = write_layout(tmp_path, layout, write)
    source = source_of(tmp_path)
    assert listed(tmp_path) == expected
    told = source.reading.in_words(source.entries)
    assert told.startswith("Hugging Face image folder, splits train (6) and test (4), labels from metadata.")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_datasets_reads_the_same_images_labels_and_splits(
    tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    expected = write_layout(tmp_path / "set", layout, as_jsonl)
    datasets.disable_progress_bars()
    found = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))
    theirs = set()
    for split, rows in found.items():
        images = rows.cast_column("image", datasets.Image(decode=False))
        # It looks for metadata beside the images of a split, and not above them.
        labels = [""] * len(rows) if "root" in layout else rows["label"]
        theirs |= {
            (split, label, Path(image["path"]).name) for label, image in zip(labels, images["image"], strict=True)
        }
    assert theirs == {
        (split, "" if "root" in layout else label, Path(path).name) for path, (label, split, _) in expected.items()
    }


def test_column_of_splits_goes_before_the_folders(tmp_path: Path) -> None:
    for number, folder in enumerate(("train", "test")):
        write_noise(tmp_path / folder / "a.png", number)
    rows = [{"file_name": f"{one}/a.png", "label": "a", "split": "val"} for one in ("train", "test")]
    as_csv(tmp_path / "metadata", rows)
    assert {split for _, split, _ in listed(tmp_path).values()} == {"val"}


def test_labels_may_be_called_otherwise(tmp_path: Path) -> None:
    expected = write_layout(tmp_path, "metadata in each split", as_jsonl, label="labels")
    assert listed(tmp_path) == expected
    expected = write_layout(tmp_path / "other", "metadata at the root", as_csv, label="category")
    message = refusal(tmp_path / "other")
    assert "has no column label; it has file_name, category" in message and "data.columns: {label: COLUMN}" in message
    assert listed(tmp_path / "other", columns={"label": "category"}) == expected


def test_metadata_without_labels_leaves_the_folders_to_name_the_classes(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1})
    (tmp_path / "metadata.csv").write_text("file_name,caption\ncat/000.png,a cat\n")
    assert listed(tmp_path)["cat/000.png"] == ("cat", "", "")


def test_several_labels_of_one_image_are_refused(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.png", 0)
    as_jsonl(tmp_path / "metadata", [{"file_name": "a.png", "label": ["cat", "animal"]}])
    assert "metadata.jsonl, column label, row 1: the label is a list of 2" in refusal(tmp_path)


@pytest.mark.parametrize("line", ["{", "[1, 2]", '"text"'])
def test_line_that_is_no_object_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "label": "a"}\n\n' + line)
    assert "metadata.jsonl, line 3: " in refusal(tmp_path)


def test_folders_that_are_splits_and_others_are_asked_for(tmp_path: Path) -> None:
    for number, folder in enumerate(("train", "more")):
        write_noise(tmp_path / folder / "a.png", number)
    rows = [{"file_name": f"{one}/a.png", "label": "a"} for one in ("train", "more")]
    as_csv(tmp_path / "metadata", rows)
    assert "data.splits: {train: train}" in refusal(tmp_path)
    assert {split for _, split, _ in listed(tmp_path, splits=False).values()} == {""}
    (tmp_path / "metadata.csv").unlink()
    for folder in ("train", "more"):
        as_csv(tmp_path / folder / "metadata", [{"file_name": "a.png", "label": "a"}])
    assert "have metadata of their own" in refusal(tmp_path)
    named = listed(tmp_path, splits={"train": "train", "test": "more"})
    assert {path: split for path, (_, split, _) in named.items()} == {"train/a.png": "train", "more/a.png": "test"}
