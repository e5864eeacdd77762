"""Tables of paths and labels: as they stand, and where that cannot be meant, in the one way that fits."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest

from dcgan.data.catalogue import tables
from dcgan.data.catalogue.reasons import MISSING, NO_LABEL, NO_SPLIT
from tests.samples import listed, refusal, source_of, write_noise

# What spreadsheets, YAML and pandas take for something else, and names in other scripts.
NAMES = ["NA", "null", "None", "nan", "007", "1e5", "true", "no", "-1", "日本語", "père Noël", "🐈‍⬛", "a b", "مرحبا"]


@pytest.mark.parametrize("names", [NAMES, ["007", "010"]])  # a column of nothing but numbers is read differently
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_table_gives_every_name_as_it_stands(tmp_path: Path, ending: str, names: list[str]) -> None:
    write_noise(tmp_path / "a.png", 0)
    table = pd.DataFrame({"path": "a.png", "label": names})
    file = tmp_path / f"images.{ending}"
    table.to_csv(file, index=False) if ending == "csv" else table.to_parquet(file)
    assert [entry.label for entry in source_of(file).entries] == names


def test_table_written_by_a_spreadsheet_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.png", 0)
    (tmp_path / "images.csv").write_text("path,label\na.png,é\n", encoding="utf-8-sig")
    assert listed(tmp_path / "images.csv") == {"a.png": ("é", "", "")}


def test_splits_of_a_table_are_kept(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.png", 0)
    (tmp_path / "images.csv").write_text("path,label,split\na.png,cat,test\n")
    assert listed(tmp_path / "images.csv") == {"a.png": ("cat", "test", "")}


def test_file_name_with_nul_is_a_file_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text('path,label\n"a\0.png",cat\n', encoding="utf-8")
    assert listed(tmp_path / "d.csv") == {"a\\x00.png": ("cat", "", MISSING)}


def test_missing_files_and_missing_labels_of_a_table_are_told(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.png", 0)
    (tmp_path / "images.csv").write_text("path,label\na.png,\ngone.png,cat\n,dog\n")
    assert [entry.problem for entry in source_of(tmp_path / "images.csv").entries] == [
        NO_LABEL, MISSING, MISSING,
    ]  # fmt: skip


def test_numbers_stay_whole_where_another_row_has_no_label(tmp_path: Path) -> None:
    write_noise(tmp_path / "a.png", 0)
    pd.DataFrame({"path": "a.png", "label": [7, None]}).to_parquet(tmp_path / "images.parquet")
    assert [entry.label for entry in source_of(tmp_path / "images.parquet").entries] == ["7", ""]


def test_table_without_its_columns_is_refused_with_those_it_has(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file,class\na.png,cat\n")
    assert "no column path and no column label; it has file, class" in refusal(tmp_path / "t.csv")


def table(folder: Path, content: str | bytes, *, name: str = "t.csv") -> Path:
    """A table beside `imgs/cat0.png` to `imgs/dog2.png`."""
    for number, label in enumerate(("cat", "dog")):
        for position in range(3):
            write_noise(folder / "imgs" / f"{label}{position}.png", 10 * number + position)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def rows(line: str = "{path},{label}\n", header: str = "path,label\n") -> str:
    return header + "".join(
        line.format(path=f"imgs/{label}{n}.png", name=f"{label}{n}", label=label, cat=int(label == "cat"), n=n)
        for label in ("cat", "dog")
        for n in range(3)
    )


EXPECTED = {f"imgs/{label}{n}.png": (label, "", "") for label in ("cat", "dog") for n in range(3)}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (rows("{path},{label},\n"), "separators at the ends of lines"),
        (rows(header=",path,label\n", line="{n},{path},{label}\n"), ""),
        (rows(line="{n},{path},{label}\n"), "the first value of each row"),
        (rows("{path}, {label}\n", "path, label\n"), "a space after each separator"),
        (rows("{path};{label}\n", "path;label\n"), "separated by semicolons"),
        (rows("{path}\t{label}\n", "path\tlabel\n"), "separated by tabs"),
        (rows(header="Path,LABEL\n"), ""),
        (rows().encode("utf-16"), "as UTF-16"),
        (rows().replace("/", "\\"), "with / for \\"),
        (rows().replace(".png", ""), "without the endings of files"),
        (rows().replace("imgs/", ""), "in imgs/"),
        (rows("{name},{label}\n"), "in imgs/, without the endings of files"),
        (rows().replace("imgs/", "IMGS/".lower()).replace(".png", ".PNG"), "in another case"),
        (rows().replace("imgs/", "/content/drive/imgs/"), "without /content/drive/"),
        (rows("{path},{cat},{n}\n", "path,label,n\n").replace(",0,", ",dog,").replace(",1,", ",cat,"), ""),
        (rows("{path},{cat}.0,0\n", "path,cat,dog\n").replace(",0.0,0", ",0.0,1.0"),
         "columns cat, dog, of which one is 1"),
        (rows("{path},\"{label}\"\n"), ""),
        (rows().replace("\n", "\r\n"), ""),
        (rows().replace("\n", "\n\n"), ""),
    ],
)  # fmt: skip
def test_table_that_can_be_read_in_one_way_alone_is_read_so_and_it_is_told(
    tmp_path: Path, content: str | bytes, told: str
) -> None:
    file = table(tmp_path, content)
    assert listed(file) == EXPECTED
    assert told in source_of(file).reading.in_words(source_of(file).entries)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (rows().replace("dog", "Käfer").encode("cp1252"), ["not UTF-8", "line 5", "Save it as UTF-8"]),
        (rows(header=""), ["no column path and no column label", "no header"]),
        ("label," + ",".join(f"pixel{n}" for n in range(784)) + "\n", ["and 777 more", "pixels themselves", ".npz"]),
        (rows().replace(",dog", ',"dog', 1), ["opened in line 5", "never closed"]),
        (rows() + "a,b,c\n", ["row 8: 3 values, a, b, c", "the header has 2 columns"]),
        (rows(header="file,class\n"), ["it has file, class", "data.columns: {path: COLUMN, label: COLUMN}"]),
        (rows("{path},1,1\n", "path,cat,dog\n"), ["no column label", "data.columns: {label: COLUMN}"]),
        ("", ["is empty", "path,label"]),
        (rows("{path},{label},Training\n{path},{label},train2\n", "path,label,split\n"), ["data.splits: {train: "]),
    ],
)
def test_table_that_cannot_be_understood_is_refused_with_what_to_change(
    tmp_path: Path, content: str | bytes, parts: list[str]
) -> None:
    message = refusal(table(tmp_path, content))
    for part in ["t.csv", *parts]:
        assert part in message


def test_columns_and_the_folder_of_images_may_be_told(tmp_path: Path) -> None:
    file = table(tmp_path, rows("{name},{label},{n}\n", "id_code,diagnosis,fold\n"))
    columns = {"path": "id_code", "label": "diagnosis", "split": "fold"}
    found = listed(file, columns=columns, images="imgs/", splits={"train": [0, 1], "test": 2})
    assert found == {
        path: (label, "test" if path.endswith("2.png") else "train", "") for path, (label, _, _) in EXPECTED.items()
    }
    assert "has no column nowhere; it has id_code, diagnosis, fold" in refusal(file, columns={"path": "nowhere"})


def test_one_hot_columns_may_be_told_and_must_hold_one_1(tmp_path: Path) -> None:
    file = table(tmp_path, rows("{path},{n},{cat},1\n", "path,n,cat,other\n"))
    assert "row 1: cat 1.0, other 1.0; expected 1 in one column" in refusal(file, columns={"label": ["cat", "other"]})
    file = table(tmp_path, rows("{path},{n},{cat},0\n", "path,n,cat,other\n"))
    entries = source_of(file, columns={"label": ["cat", "other"]}).entries
    assert [entry.label or entry.problem for entry in entries] == ["cat"] * 3 + [NO_LABEL] * 3


def test_splits_in_other_words_are_read_and_told(tmp_path: Path) -> None:
    content = rows("{path},{label},x{n}\n", "path,label,split\n").replace("x0", "Testing").replace("x1", "Training")
    file = table(tmp_path, content.replace("x2", "Training"))
    assert {split for _, split, _ in listed(file).values()} == {"train", "test"}
    assert "Testing read as split test" in source_of(file).reading.in_words([])
    assert {split for _, split, _ in listed(file, splits=False).values()} == {""}


def test_splits_that_the_job_does_not_name_are_left_out(tmp_path: Path) -> None:
    file = table(tmp_path, rows("{path},{label},fold{n}\n", "path,label,split\n"))
    found = listed(file, splits={"train": "Fold0", "test": "fold1"})
    assert sorted({(split, problem) for _, split, problem in found.values()}) == [
        ("", NO_SPLIT), ("test", ""), ("train", ""),
    ]  # fmt: skip
    assert "data.splits names fold7" in refusal(file, splits={"train": "fold7"})


def test_file_that_is_gone_is_missing_and_no_other_is_taken_for_it(tmp_path: Path) -> None:
    file = table(tmp_path, rows() + "imgs/CAT0.png,dog\nimgs/cat9,dog\ncat1.png,dog\n")
    assert [entry.problem for entry in source_of(file).entries] == [""] * 6 + [MISSING] * 3


def test_name_without_ending_that_two_files_have_is_missing(tmp_path: Path) -> None:
    file = table(tmp_path, rows().replace(".png", ""))
    write_noise(tmp_path / "imgs" / "cat0.jpg", 50)
    assert {entry.problem for entry in source_of(file).entries} == {MISSING}


def test_two_folders_that_hold_all_files_are_asked_for(tmp_path: Path) -> None:
    file = table(tmp_path, rows().replace("imgs/", ""))
    for number, image in enumerate(sorted((tmp_path / "imgs").iterdir())):
        write_noise(tmp_path / "small" / image.name, 80 + number)
    message = refusal(file)
    assert "in imgs/; or in small/" in message and "data.images" in message
    assert set(listed(file, images="small")) == {path.replace("imgs", "small") for path in EXPECTED}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_another_unicode_form_are_the_files(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    name = unicodedata.normalize(form, "Käfer")
    write_noise(tmp_path / "imgs" / f"{name}.png", 40)
    file = table(tmp_path, rows() + f"imgs/{unicodedata.normalize(other, name)}.png,bug\n")
    assert listed(file) == EXPECTED | {f"imgs/{name}.png": ("bug", "", "")}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([b"cat", b"d\xc3\xa9g"], ["cat", "dég"]), ([True, False], ["True", "False"]), ([1.0, 2.0], ["1", "2"]),
        ([1.5, 2.0], ["1.5", "2"]), ([["cat"], ["dog"]], ["cat", "dog"]), ([3, None], ["3", ""]),
        ([["cat", "animal"], ["dog"]], "row 1: the label is a list of 2"), ([b"\xff", b"a"], "is not UTF-8"),
        ([pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02")], "is a datetime"),
        ([{"a": 1}, {"a": 2}], "is a dict"),
    ],
)  # fmt: skip
def test_labels_of_parquet_that_are_no_text_are_understood_or_refused(
    tmp_path: Path, labels: list[Any], expected: list[str] | str
) -> None:
    write_noise(tmp_path / "a.png", 0)
    pd.DataFrame({"path": "a.png", "label": labels}).to_parquet(tmp_path / "t.parquet")
    if isinstance(expected, str):
        assert expected in refusal(tmp_path / "t.parquet")
    else:
        assert [entry.label for entry in source_of(tmp_path / "t.parquet").entries] == expected


def test_parquet_of_few_bytes_and_many_rows_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pd.DataFrame({"path": ["a.png"] * 1000, "label": "a"}).to_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(tables, "MAX_ROWS", 999)
    assert "1,000 rows; a table may have up to 999" in refusal(tmp_path / "t.parquet")
