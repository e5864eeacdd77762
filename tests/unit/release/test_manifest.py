"""The manifest: a row per image, and no cell that a spreadsheet would run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dcgan.paths import escape
from dcgan.release.manifest import COLUMNS, build_manifest, write_manifest
from tests.unit.conftest import CAT, COUNTS, MADE, SCRIPT, UP, Made


def test_manifest_has_a_row_per_shipped_image_in_order(made: Made) -> None:
    table = build_manifest(made.run, sorted(COUNTS), [SCRIPT, CAT])
    assert list(table.columns) == COLUMNS
    assert list(table["label"]) == [SCRIPT] * MADE[SCRIPT] + [CAT] * MADE[CAT]
    assert list(table["index"]) == [*range(MADE[SCRIPT]), *range(MADE[CAT])]
    assert set(table["split"]) == {"train"} and set(table["run_id"]) == {made.run.id}


def test_class_index_counts_among_all_classes_shipped_or_not(made: Made) -> None:
    table = build_manifest(made.run, sorted(COUNTS), [CAT])
    assert set(table["class_index"]) == {sorted(COUNTS).index(CAT)} != {0}


def test_paths_stay_in_the_classes_folder_whatever_the_class_is_called(made: Made) -> None:
    table = build_manifest(made.run, sorted(COUNTS), [UP])
    assert [Path(path).parts for path in table["path"]] == [
        ("images", escape(UP), f"{name}.png") for name in table["image_id"]
    ]
    assert not any(".." in Path(path).parts for path in table["path"])


def test_nothing_shipped_gives_an_empty_table_with_its_columns(made: Made) -> None:
    table = build_manifest(made.run, sorted(COUNTS), [])
    assert list(table.columns) == COLUMNS and table.empty


@pytest.mark.parametrize("label", ["=HYPERLINK(1)", "+1", "-1", "@x", "\ta"])
def test_text_that_a_spreadsheet_would_run_is_neutral_in_csv_and_as_it_is_in_parquet(
    made: Made, tmp_path: Path, label: str
) -> None:
    table = build_manifest(made.run, sorted(COUNTS), [CAT]).assign(label=label, nearest_real_path=f"{label}.png")
    write_manifest(table, tmp_path)
    for name in ("manifest.csv", "metadata.csv"):
        assert set(pd.read_csv(tmp_path / name)["label"]) == {f"'{label}"}
    assert set(pd.read_csv(tmp_path / "manifest.csv")["nearest_real_path"]) == {f"'{label}.png"}
    assert set(pd.read_parquet(tmp_path / "manifest.parquet")["label"]) == {label}


def test_csv_comes_back_with_names_of_every_kind(made: Made, tmp_path: Path) -> None:
    table = build_manifest(made.run, sorted(COUNTS), [SCRIPT, UP, CAT])
    write_manifest(table, tmp_path)
    assert list(pd.read_csv(tmp_path / "manifest.csv")["label"]) == list(table["label"])
    assert list(pd.read_csv(tmp_path / "metadata.csv")["file_name"]) == list(table["path"])
