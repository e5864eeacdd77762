"""The manifest: a row per image, and no cell that a spreadsheet would run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dcgan.release import manifest
from dcgan.release.manifest import COLUMNS, ManifestWriter, class_rows
from tests.unit.conftest import CAT, MADE, SCRIPT, Made


def rows_of(made: Made, label: str, class_index: int = 0) -> pd.DataFrame:
    """A class's rows, with paths."""
    rows = pd.concat(class_rows(made.run, label, class_index), ignore_index=True)
    return rows.assign(path=[f"images/x/{name}.png" for name in rows["image_id"]])


def write(folder: Path, *tables: pd.DataFrame) -> None:
    with ManifestWriter(folder, image_folder=True) as writer:
        for table in tables:
            writer.add(table)


def test_rows_of_a_class_are_its_images_in_order(made: Made) -> None:
    rows = rows_of(made, SCRIPT, 7)
    assert list(rows["index"]) == [*range(MADE[SCRIPT])] and set(rows["class_index"]) == {7}
    assert set(rows["label"]) == {SCRIPT} and set(rows["split"]) == {"train"}
    assert set(rows["run_id"]) == {made.run.id} and set(rows.columns) == set(COLUMNS)


@pytest.mark.parametrize("group", [1, 4, 1000])
def test_rows_come_back_in_order_however_they_were_grouped(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    monkeypatch.setattr(manifest, "ROWS_PER_GROUP", group)
    tables = [rows_of(made, SCRIPT), rows_of(made, CAT, 1)]
    write(tmp_path, *tables)
    expected = pd.concat(tables, ignore_index=True)[COLUMNS]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "manifest.parquet"), expected)
    assert list(pd.read_csv(tmp_path / "manifest.csv").columns) == COLUMNS
    file = pq.ParquetFile(tmp_path / "manifest.parquet")
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
    assert sum(sizes) == len(expected) and max(sizes) <= group


def test_rows_of_one_class_are_read_some_at_a_time(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "ROWS_PER_GROUP", 2)
    assert [len(rows) for rows in class_rows(made.run, SCRIPT, 0)] == [2, 2, 1]


def test_nothing_shipped_gives_empty_tables_with_their_columns(tmp_path: Path) -> None:
    write(tmp_path)
    for table in (pd.read_parquet(tmp_path / "manifest.parquet"), pd.read_csv(tmp_path / "manifest.csv")):
        assert list(table.columns) == COLUMNS and table.empty


@pytest.mark.parametrize("label", ["=HYPERLINK(1)", "+1", "-1", "@x", "\ta"])
def test_text_that_a_spreadsheet_would_run_is_neutral_where_people_open_it_and_as_it_is_elsewhere(
    made: Made, tmp_path: Path, label: str
) -> None:
    write(tmp_path, rows_of(made, CAT).assign(label=label, nearest_real_path=f"{label}.png"))
    assert set(pd.read_csv(tmp_path / "manifest.csv")["label"]) == {f"'{label}"}
    metadata = pd.read_json(tmp_path / "metadata.jsonl", lines=True, dtype=False)
    assert set(metadata["label"]) == {label}, "programs read this one"
    assert set(pd.read_csv(tmp_path / "manifest.csv")["nearest_real_path"]) == {f"'{label}.png"}
    assert set(pd.read_parquet(tmp_path / "manifest.parquet")["label"]) == {label}


def test_csv_comes_back_with_names_of_every_kind(made: Made, tmp_path: Path) -> None:
    tables = [rows_of(made, label) for label in MADE]
    write(tmp_path, *tables)
    labels = [label for table in tables for label in table["label"]]
    assert list(pd.read_csv(tmp_path / "manifest.csv")["label"]) == labels
    metadata = pd.read_json(tmp_path / "metadata.jsonl", lines=True, dtype=False)
    assert list(metadata["label"]) == labels and list(metadata["file_name"]) == [p for t in tables for p in t["path"]]
