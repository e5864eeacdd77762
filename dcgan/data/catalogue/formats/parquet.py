"""Hugging Face's Parquet: the bytes of images in a column, one file or `data/train-*.parquet`."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dcgan.data.catalogue import splits
from dcgan.data.catalogue.labels import numbers_only, to_names
from dcgan.data.catalogue.opening import Item
from dcgan.data.catalogue.packed import Packed
from dcgan.data.catalogue.rows import Rows, given_splits
from dcgan.data.catalogue.sources import Entry, Format, Place, Reading, Source, named
from dcgan.data.catalogue.tables import Table, missing_columns, parquet_table
from dcgan.data.catalogue.walking import ENDINGS
from dcgan.errors import InputError

_SHARD = re.compile(r"[-_.]?\d+(-of-\d+)?$")  # of a file's name: `train-00000-of-00001`


class ParquetSource(Source):
    """A source whose images are rows of Parquet files."""

    def __init__(
        self, root: Path, files: list[str], columns: list[str], entries: list[Entry], reading: Reading
    ) -> None:
        super().__init__(root, entries, reading)
        self._files, self._columns = [str(root / file) for file in files], columns
        self._groups = []  # of each file, where its row groups begin
        for file in self._files:
            with pq.ParquetFile(file) as opened:
                sizes = [opened.metadata.row_group(group).num_rows for group in range(opened.num_row_groups)]
            self._groups.append(np.cumsum([0, *sizes]))
        self._starts = np.cumsum([0, *(int(begins[-1]) for begins in self._groups)])

    def item(self, number: int) -> Item:
        """Entry `number`, as a row of its file."""
        which = self._which(number)
        row = number - int(self._starts[which])
        group = int(np.searchsorted(self._groups[which], row, side="right")) - 1
        within = row - int(self._groups[which][group])
        return Packed(self._files[which], self._columns[which], group, within)

    def file(self, number: int) -> str:
        """The Parquet file that entry `number` is in."""
        return self._files[self._which(number)]

    def _which(self, number: int) -> int:
        return int(np.searchsorted(self._starts, number, side="right")) - 1


def recognises(place: Place) -> bool:
    """Whether there is a Parquet file with images, and no image beside it."""
    try:
        if place.is_file(".parquet"):
            return bool(_image_columns(place.path, place.data.columns.path))
        if not place.path.is_dir() or place.tree.files_ending(*ENDINGS):
            return False
        files = _files(place)
        return bool(files) and bool(_image_columns(place.path / files[0], place.data.columns.path))
    except (OSError, pa.ArrowException):  # damaged: no other form makes anything of it either
        return place.path.is_dir()


def read(place: Place) -> Source:
    """Every row is an entry."""
    rows = Rows()
    if place.path.is_dir():
        root, files = place.path, _files(place)
        called = _splits_of(rows, files, place)
    else:
        root, files = place.path.parent, [place.path.name]
        called = {}  # its name is the user's own choice
    columns, numbers = [], set()
    for file in files:
        columns.append(_image_column(root / file, place.data.columns.path))
        table = parquet_table(root / file)
        column, labels = _labels(table, place)
        numbers |= set() if column in table.class_names else set(labels)
        rows.label_from = f"column {column}"
        given = None if called else given_splits(rows, table, place.data, ("split",))
        for row, label in enumerate(labels):
            rows.add(f"{file}#{row}", label, given[row] if given else called.get(file, ""), "")
    entries = rows.entries(place.data, f"data.source {place.data.source}")
    details = [f"labels from {rows.label_from}", *rows.notes]
    if numbers:
        details += numbers_only(root, numbers)
    return ParquetSource(
        root, files, columns, entries, Reading("Parquet with images", rows.layout("parquet"), tuple(details))
    )


def _files(place: Place) -> list[str]:
    """The Parquet files below a folder; not a pipe with such a name, since opening that could wait for ever."""
    return [file for file in place.tree.files_ending(".parquet") if (place.path / file).is_file()]


def _image_columns(path: Path, wanted: str | None) -> list[str]:
    """Columns of bytes that may be images, within a struct by their path."""
    with pq.ParquetFile(path) as opened:
        schema = opened.schema_arrow
    found = []
    for column in schema:
        if wanted is not None and column.name != wanted:
            continue
        if pa.types.is_struct(column.type) and column.type.get_field_index("bytes") >= 0:
            found.append(f"{column.name}.bytes")
        elif _is_bytes(column.type) and (wanted is not None or column.name.lower() in ("image", "img", "bytes")):
            found.append(column.name)
    return found


def _is_bytes(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _image_column(path: Path, wanted: str | None) -> str:
    found = _image_columns(path, wanted)
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"{path} has no column of images, as bytes or as {{bytes, path}}; the other files have one")
    names = [column.removesuffix(".bytes") for column in found]
    raise InputError(
        f"{path} has several columns of images, {named(names)}. Say which: data.columns: {{path: {names[0]}}}"
    )


def _labels(table: Table, place: Place) -> tuple[str, list[str]]:
    """The column of labels, and a class name for each row."""
    wanted = place.data.columns.label
    if isinstance(wanted, list):
        raise InputError(f"data.columns.label is a list, and {table.file} has its labels in one column")
    column = table.find(wanted, ("label", "labels"))
    if column is None and len(table.class_names) == 1:
        column = next(iter(table.class_names))
    if column is None:
        raise missing_columns(table, ["label"])
    values = table.columns[column]
    return column, to_names(values, f"{table.file}, column {column}", table.class_names.get(column, ()))


def _splits_of(rows: Rows, files: list[str], place: Place) -> dict[str, str]:
    """What the split of each file is called, by its name or its folder's; {} where they tell none."""
    names = {file: _split_name(PurePosixPath(file)) for file in files}
    found = [splits.role(name) for name in names.values()]
    alike = splits.alike(set(names.values()))
    if place.data.splits is False or (place.data.splits is None and not any(found) and not alike):
        return {}
    if place.data.splits is None and not all(found):
        raise InputError(
            f"data.source {place.data.source}: not all of its Parquet files are named like splits: "
            f"{named(sorted(files))}. Say which are: data.splits: "
            f"{splits.setting(set(names.values()))}, or data.splits: false if none is"
        )
    rows.split_from = "the files' names"
    return names


def _split_name(file: PurePosixPath) -> str:
    """What of a path may name a split: `train` of `data/train-00000-of-00001.parquet`, and of `train/0000.parquet`."""
    stem = _SHARD.sub("", file.stem)
    return stem if splits.role(stem) or not splits.role(file.parent.name) else file.parent.name


FORMAT = Format(
    name="parquet",
    expected="Parquet with a column of images, in one file or in data/train-*.parquet",
    recognises=recognises,
    read=read,
)
