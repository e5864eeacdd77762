"""Parquet with the bytes of images, as Hugging Face writes it: read as it stands, with names from its schema."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dcgan.config import DataConfig
from dcgan.data.catalogue import readers, scan
from dcgan.data.catalogue.reasons import DAMAGED, NO_LABEL, NO_SPLIT
from dcgan.data.split import read_split
from tests.samples import listed, noise, refusal, source_of, write_noise


def as_png(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(noise(number)).save(buffer, "PNG")
    return buffer.getvalue()


def write(file: Path, labels: list[Any], first: int = 0, *, label: str = "label", **more: Any) -> Path:
    """A Parquet file of noise images numbered on from `first`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": as_png(first + n), "path": f"{n}.png"} for n in range(len(labels))]
    pd.DataFrame({"image": images, label: labels}).to_parquet(file, **more)
    return file


def pixels(source: Path, number: int, **data: Any) -> np.ndarray:
    item = source_of(source, **data).item(number)
    return np.asarray(item.picture(item.read()))


def test_file_written_by_datasets_is_read_with_the_names_of_its_classes(tmp_path: Path) -> None:
    names = ["NA", "null", "père Noël"]
    features = datasets.Features({"image": datasets.Image(), "fine": datasets.ClassLabel(names=names)})
    images = [Image.fromarray(noise(number)) for number in range(6)]
    datasets.disable_progress_bars()
    rows = datasets.Dataset.from_dict({"image": images, "fine": [0, 1, 2] * 2}, features=features)
    rows.to_parquet(str(tmp_path / "d.parquet"))
    source = source_of(tmp_path / "d.parquet")
    assert [(entry.path, entry.label) for entry in source.entries] == [
        (f"d.parquet#{number}", names[number % 3]) for number in range(6)
    ]
    assert source.reading.in_words(source.entries) == "Parquet with images, labels from column fine"
    for number in (0, 5, 2, 2):
        np.testing.assert_array_equal(pixels(tmp_path / "d.parquet", number), noise(number))


@pytest.mark.parametrize("folder", [".", "data"])
def test_folder_of_shards_is_read_with_splits_by_their_names(tmp_path: Path, folder: str) -> None:
    write(tmp_path / folder / "train-00000-of-00002.parquet", ["a", "b"] * 3)
    write(tmp_path / folder / "train-00001-of-00002.parquet", ["a", "b"], 10)
    write(tmp_path / folder / "test-00000-of-00001.parquet", ["a"], 20)
    (tmp_path / "README.md").write_text("a set")
    source = source_of(tmp_path)
    told = source.reading.in_words(source.entries)
    assert told == "Parquet with images, splits train (8) and test (1), labels from column label"
    prefix = "" if folder == "." else f"{folder}/"
    assert [entry.path for entry in source.entries][:2] == [
        f"{prefix}test-00000-of-00001.parquet#0", f"{prefix}train-00000-of-00002.parquet#0",
    ]  # fmt: skip
    np.testing.assert_array_equal(pixels(tmp_path, 0), noise(20))
    np.testing.assert_array_equal(pixels(tmp_path, 8), noise(11))


def test_folder_per_split_is_read_as_the_hubs_own_conversion_is(tmp_path: Path) -> None:
    write(tmp_path / "default" / "train" / "0000.parquet", ["a", "b"])
    write(tmp_path / "default" / "test" / "0000.parquet", ["a"], 10)
    assert {split for _, split, _ in listed(tmp_path).values()} == {"train", "test"}


def test_splits_may_be_named_or_a_column(tmp_path: Path) -> None:
    for number, name in enumerate(("fit", "judge", "old")):
        write(tmp_path / f"{name}.parquet", ["a", "b"], 10 * number)
    assert {split for _, split, _ in listed(tmp_path).values()} == {""}
    found = listed(tmp_path, splits={"train": "fit", "test": "judge"})
    assert {(path.split(".")[0], split, problem) for path, (_, split, problem) in found.items()} == {
        ("fit", "train", ""), ("judge", "test", ""), ("old", "", NO_SPLIT),
    }  # fmt: skip
    write(tmp_path / "train.parquet", ["a"], 50)
    assert "not all of its Parquet files are named like splits" in refusal(tmp_path)
    table = pq.read_table(tmp_path / "fit.parquet").append_column("split", pa.array(["train", "test"]))
    pq.write_table(table, tmp_path / "fit.parquet")
    assert [split for _, split, _ in listed(tmp_path / "fit.parquet").values()] == ["train", "test"]


def test_columns_may_be_told_where_there_are_several(tmp_path: Path) -> None:
    images = [{"bytes": as_png(number), "path": ""} for number in range(2)]
    masks = [{"bytes": as_png(number + 10), "path": ""} for number in range(2)]
    content = {"image": images, "mask": masks, "coarse": ["x", "y"], "fine": ["a", "b"]}
    pd.DataFrame(content).to_parquet(tmp_path / "d.parquet")
    assert "data.columns: {path: image}" in refusal(tmp_path / "d.parquet")
    assert "data.columns: {label: COLUMN}" in refusal(tmp_path / "d.parquet", columns={"path": "mask"})
    columns = {"path": "mask", "label": "fine"}
    assert [label for label, _, _ in listed(tmp_path / "d.parquet", columns=columns).values()] == ["a", "b"]
    np.testing.assert_array_equal(pixels(tmp_path / "d.parquet", 1, columns=columns), noise(11))


def test_plain_bytes_are_images_too(tmp_path: Path) -> None:
    pd.DataFrame({"image": [as_png(0), as_png(1)], "labels": [0, 1]}).to_parquet(tmp_path / "d.parquet")
    assert [label for label, _, _ in listed(tmp_path / "d.parquet").values()] == ["0", "1"]
    assert "the README of the set says what they are" in source_of(tmp_path / "d.parquet").reading.in_words([])
    np.testing.assert_array_equal(pixels(tmp_path / "d.parquet", 1), noise(1))


def test_table_of_paths_stays_a_table(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.png", 0)
    pd.DataFrame({"path": ["a.png"], "label": ["a"]}).to_parquet(tmp_path / "t.parquet")
    assert listed(tmp_path / "t.parquet") == {"a.png": ("a", "", "")}


def test_rows_without_label_or_bytes_are_told(tmp_path: Path) -> None:
    images: list[Any] = [{"bytes": as_png(n), "path": ""} for n in range(40)]
    images.append({"bytes": None, "path": "elsewhere.png"})
    pd.DataFrame({"image": images, "label": [None] + ["a", "b"] * 20}).to_parquet(tmp_path / "d.parquet")
    table, _ = scan(DataConfig(source=str(tmp_path / "d.parquet")))
    assert table["reason"].iloc[[0, -1]].to_list() == [NO_LABEL, DAMAGED]
    assert "not its bytes" in table["detail"].iloc[-1]


@pytest.mark.parametrize("many", [False, True])
def test_images_are_read_group_by_group_in_any_number_of_processes(
    tmp_path: Path, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "CHUNK", 7)
    monkeypatch.setattr(readers, "MANY", 1 if many else 10_000)
    write(tmp_path / "train-0.parquet", ["a", "b"] * 40, row_group_size=9)
    write(tmp_path / "train-1.parquet", ["b", "a"] * 20, 80)
    data = DataConfig(source=str(tmp_path), holdout=1e-9)
    images, labels = read_split(data, (12, 10, 3), "train")
    assert labels == ["a", "b"] * 40 + ["b", "a"] * 20
    np.testing.assert_array_equal(images, np.stack([noise(number) for number in range(120)]))


def test_damaged_shard_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "train-0.parquet", ["a", "b"])
    (tmp_path / "train-1.parquet").write_bytes((tmp_path / "train-0.parquet").read_bytes()[:-20])
    assert "cannot be read" in refusal(tmp_path)
