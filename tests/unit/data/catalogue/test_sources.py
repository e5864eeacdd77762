"""Every form that real images come in, listed with their class names as they stand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dcgan.config import DataConfig
from dcgan.data.catalogue import scan
from dcgan.data.catalogue.sources import (
    HIDDEN,
    LISTED_TWICE,
    MISSING,
    NO_CLASS,
    NO_LABEL,
    NOT_UTF8,
    NUL_IN_NAME,
    UNREADABLE,
    list_source,
)
from dcgan.errors import InputError
from tests.samples import noise, write_classes, write_noise

# What spreadsheets, YAML and pandas take for something else, and names in other scripts.
NAMES = ["NA", "null", "None", "nan", "007", "1e5", "true", "no", "-1", "日本語", "père Noël", "🐈‍⬛", "a b", "مرحبا"]


def listed(source: Path) -> dict[str, tuple[str, str, str]]:
    """Label, split and problem by path."""
    return {entry.path: (entry.label, entry.split, entry.problem) for entry in list_source(str(source)).entries}


def refusal(source: Path) -> str:
    with pytest.raises(InputError) as refused:
        list_source(str(source))
    return str(refused.value)


def test_folder_per_class_gives_every_name_as_it_stands(tmp_path: Path) -> None:
    write_classes(tmp_path, dict.fromkeys(NAMES, 1))
    assert listed(tmp_path) == {f"{name}/000.png": (name, "", "") for name in NAMES}


@pytest.mark.parametrize("names", [NAMES, ["007", "010"]])  # a column of nothing but numbers is read differently
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_table_gives_every_name_as_it_stands(tmp_path: Path, ending: str, names: list[str]) -> None:
    write_noise(tmp_path / "a.png", 0)
    table = pd.DataFrame({"path": "a.png", "label": names})
    file = tmp_path / f"images.{ending}"
    table.to_csv(file, index=False) if ending == "csv" else table.to_parquet(file)
    assert [entry.label for entry in list_source(str(file)).entries] == names


@pytest.mark.parametrize("names", [NAMES, ["007", "010"]])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_hugging_face_metadata_gives_every_name_as_it_stands(tmp_path: Path, ending: str, names: list[str]) -> None:
    write_noise(tmp_path / "img" / "a.png", 0)
    rows = [{"file_name": "img/a.png", "label": name} for name in names]
    if ending == "csv":
        pd.DataFrame(rows).to_csv(tmp_path / "metadata.csv", index=False)
    else:
        (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = list_source(str(tmp_path))
    assert [entry.label for entry in source.entries] == names
    assert {entry.path for entry in source.entries} == {"img/a.png"}


def test_table_written_by_a_spreadsheet_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.png", 0)
    (tmp_path / "images.csv").write_text("path,label\na.png,é\n", encoding="utf-8-sig")
    assert listed(tmp_path / "images.csv") == {"a.png": ("é", "", "")}


def test_splits_above_the_classes_are_splits_whatever_their_case(tmp_path: Path) -> None:
    for split in ("Train", "val", "TEST"):
        write_classes(tmp_path / split, {"cat": 1, "dog": 1})
    assert listed(tmp_path)["TEST/dog/000.png"] == ("dog", "test", "")
    assert list_source(str(tmp_path)).labels == ["cat", "dog"]


def test_class_called_train_beside_other_classes_is_a_class(tmp_path: Path) -> None:
    write_classes(tmp_path, {"train": 1, "bus": 1})
    assert listed(tmp_path) == {"train/000.png": ("train", "", ""), "bus/000.png": ("bus", "", "")}


def test_splits_of_a_table_are_kept(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.png", 0)
    (tmp_path / "images.csv").write_text("path,label,split\na.png,cat,test\n")
    assert listed(tmp_path / "images.csv") == {"a.png": ("cat", "test", "")}


def test_folders_within_a_class_belong_to_it(tmp_path: Path) -> None:
    write_noise(tmp_path / "cat" / "2024" / "may" / "a.png", 0)
    assert listed(tmp_path) == {"cat/2024/may/a.png": ("cat", "", "")}


def test_hidden_and_system_files_and_folders_are_told_and_make_no_class(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1})
    hidden = [".DS_Store", "cat/.a.png.swp", "cat/Thumbs.db", ".git/config", "__MACOSX/cat/000.png", "cat/.cache/a.png"]
    for name in hidden:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    source = list_source(str(tmp_path))
    assert {entry.path for entry in source.entries if entry.problem == HIDDEN} == set(hidden)
    assert source.labels == ["cat"]


def test_files_outside_class_folders_are_told(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1})
    write_noise(tmp_path / "loose.png", 5)
    assert listed(tmp_path)["loose.png"] == ("", "", NO_CLASS)


def test_empty_class_folder_is_a_class(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1, "rare": 0})
    assert list_source(str(tmp_path)).labels == ["cat", "rare"]


def test_names_that_are_not_utf8_are_told_and_not_used(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1})
    content = (tmp_path / "cat" / "000.png").read_bytes()
    for name in (b"caf\xe9/a.png", b"cat/\xff.png"):  # Latin-1, as archives from elsewhere have it
        file = tmp_path / os.fsdecode(name)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    source = list_source(str(tmp_path))
    assert {entry.path for entry in source.entries if entry.problem == NOT_UTF8} == {
        "caf\\udce9/a.png", "cat/\\udcff.png",
    }  # fmt: skip
    assert source.labels == ["caf\\udce9", "cat"]
    for entry in source.entries:
        entry.path.encode()  # what a table can hold


def test_loops_of_links_end_and_linked_folders_are_read(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "images", {"cat": 1})
    (root / "cat" / "up").symlink_to(root, target_is_directory=True)
    (root / "self").symlink_to(root / "self")
    elsewhere = write_classes(tmp_path / "elsewhere", {"dog": 1})
    (elsewhere / "dog" / "back").symlink_to(root / "dog", target_is_directory=True)
    (root / "dog").symlink_to(elsewhere / "dog", target_is_directory=True)
    assert listed(root) == {
        "cat/000.png": ("cat", "", ""),
        "cat/up/": ("cat", "", LISTED_TWICE),
        "dog/000.png": ("dog", "", ""),
        "dog/back/": ("dog", "", LISTED_TWICE),
        "self": ("", "", NO_CLASS),
    }


@pytest.mark.parametrize("name", ["a kitten", "kitten"])  # before and after what it is a link to
def test_second_way_to_a_folder_is_told_and_the_first_stays(tmp_path: Path, name: str) -> None:
    write_classes(tmp_path, {"cat": 2, "dog": 1})
    (tmp_path / name).symlink_to("cat", target_is_directory=True)
    source = list_source(str(tmp_path))
    assert listed(tmp_path) == {
        "cat/000.png": ("cat", "", ""), "cat/001.png": ("cat", "", ""), "dog/000.png": ("dog", "", ""),
        f"{name}/": (name, "", LISTED_TWICE),
    }  # fmt: skip
    assert source.labels == sorted(["cat", "dog", name])


def test_every_class_may_be_a_link(tmp_path: Path) -> None:
    elsewhere = write_classes(tmp_path / "elsewhere", {"cat": 1, "dog": 1})
    (tmp_path / "images").mkdir()
    for label in ("cat", "dog"):
        (tmp_path / "images" / label).symlink_to(elsewhere / label, target_is_directory=True)
    assert listed(tmp_path / "images") == {f"{name}/000.png": (name, "", "") for name in ("cat", "dog")}


def test_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1})
    here = Path.cwd()
    try:
        os.chdir(tmp_path / "cat")
        for _ in range(20):  # deeper than a path can tell, which stops every user, root too
            Path("x" * 250).mkdir()
            os.chdir("x" * 250)
    finally:
        os.chdir(here)
    paths = listed(tmp_path)
    assert paths.pop("cat/000.png") == ("cat", "", "")
    [(path, told)] = paths.items()
    assert path.startswith("cat/xxx") and path.endswith("x/") and told == ("cat", "", UNREADABLE)
    assert scan(DataConfig(source=str(write_classes(tmp_path, {"dog": 1}, first=5))))[1].reasons == {UNREADABLE: 1}


@pytest.mark.parametrize("form", ["csv", "npz"])
def test_class_name_with_nul_is_told_and_not_used(tmp_path: Path, form: str) -> None:
    labels = ["\0base", "cat", "cat\0dog"]
    if form == "csv":
        write_noise(tmp_path / "a.png", 0)
        rows = "".join(f'a.png,"{label}"\n' for label in labels)
        (tmp_path / "d.csv").write_text(f"path,label\n{rows}", encoding="utf-8")
    else:
        np.savez(tmp_path / "d.npz", images=np.stack([noise(n) for n in range(3)]), labels=labels)
    source = list_source(str(tmp_path / f"d.{form}"))
    assert [(entry.label, entry.problem) for entry in source.entries] == [
        ("\\x00base", NUL_IN_NAME), ("cat", ""), ("cat\\x00dog", NUL_IN_NAME),
    ]  # fmt: skip
    assert not any("\0" in label for label in source.labels)


def test_file_name_with_nul_is_a_file_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text('path,label\n"a\0.png",cat\n', encoding="utf-8")
    assert listed(tmp_path / "d.csv") == {"a\\x00.png": ("cat", "", MISSING)}


def test_missing_files_and_missing_labels_of_a_table_are_told(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.png", 0)
    (tmp_path / "images.csv").write_text("path,label\na.png,\ngone.png,cat\n,dog\n")
    assert [entry.problem for entry in list_source(str(tmp_path / "images.csv")).entries] == [
        NO_LABEL, MISSING, MISSING,
    ]  # fmt: skip


def test_numbers_stay_whole_where_another_row_has_no_label(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.png", 0)
    pd.DataFrame({"path": "a.png", "label": [7, None]}).to_parquet(tmp_path / "images.parquet")
    assert [entry.label for entry in list_source(str(tmp_path / "images.parquet")).entries] == ["7", ""]


def test_metadata_without_labels_leaves_the_folders_to_name_the_classes(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1})
    (tmp_path / "metadata.csv").write_text("file_name,caption\ncat/000.png,a cat\n")
    assert listed(tmp_path)["cat/000.png"] == ("cat", "", "")


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_are_listed_by_row_and_open_as_they_are(tmp_path: Path, channels: int) -> None:
    images = np.stack([noise(number, channels=channels) for number in range(3)])
    splits = ["train", "train", "test"]
    np.savez(tmp_path / "d.npz", images=images, labels=[1, 0, 1], class_names=["NA", "é"], split=splits)
    source = list_source(str(tmp_path / "d.npz"))
    assert [(entry.path, entry.label, entry.split) for entry in source.entries] == [
        ("d.npz#0", "é", "train"), ("d.npz#1", "NA", "train"), ("d.npz#2", "é", "test"),
    ]  # fmt: skip
    item = source.item(2)
    assert item.read() == images[2].tobytes()
    np.testing.assert_array_equal(np.asarray(item.picture(b"")), images[2])


def test_arrays_with_one_channel_at_the_end_are_grey(tmp_path: Path) -> None:
    images = noise(0, channels=1)[None, ..., None]
    np.savez(tmp_path / "d.npz", images=images, labels=["cat"])
    assert list_source(str(tmp_path / "d.npz")).item(0).picture(b"").mode == "L"


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"images": np.zeros((2, 8, 8), np.uint8)}, "no array labels"),
        ({"images": np.zeros((2, 8, 8), np.float32), "labels": [0, 1]}, "expected images as uint8"),
        ({"images": np.zeros((2, 3, 8, 8), np.uint8), "labels": [0, 1]}, "expected images as uint8"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": [0, 1, 1]}, "one label"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": [0, 2], "class_names": ["a", "b"]}, "class_names has 2"),
        ({"images": np.zeros((2, 8, 8), np.uint8), "labels": np.array([{}, {}])}, "cannot be read"),
    ],
)
def test_arrays_of_another_form_are_refused_with_what_was_expected(
    tmp_path: Path, arrays: dict[str, Any], told: str
) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    assert told in refusal(tmp_path / "d.npz")


@pytest.mark.parametrize("name", ["d.npz", "d.parquet", "d.csv"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half an archive", b"\xff\xfe\x00 noise"])
def test_damaged_tables_and_arrays_are_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert name in refusal(tmp_path / name)


def test_table_without_its_columns_is_refused_with_those_it_has(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,class\na.png,cat\n")
    assert "no column path and no column label; it has file, class" in refusal(tmp_path / "t.csv")


def test_missing_source_and_unknown_kinds_are_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere")
    (tmp_path / "images.tar").write_bytes(b"x")
    assert "of no known form" in refusal(tmp_path / "images.tar")
