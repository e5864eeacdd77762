"""A Hugging Face image folder: images, and metadata.csv, .jsonl or .parquet beside them or above.

Splits are given by a column, by a metadata file in each split's folder, or by the folders in `file_name`, as in the
library `datasets`.
"""

from __future__ import annotations

from pathlib import Path

from dcgan.data.catalogue import splits
from dcgan.data.catalogue.layout import find_layout
from dcgan.data.catalogue.rows import Rows, Usual, add_rows
from dcgan.data.catalogue.sources import Format, Place, Reading, Source, named
from dcgan.data.catalogue.tables import read_table
from dcgan.data.catalogue.walking import is_hidden
from dcgan.errors import InputError

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
USUAL = Usual(path=("file_name", "file_path"), label=("label", "labels"))


def recognises(place: Place) -> bool:
    """Whether there is metadata with labels, or with none while the folders name no classes either."""
    if not place.path.is_dir():
        return False
    files = _metadata(place.path)
    if not files or place.data.columns.label:
        return bool(files)
    try:
        if any(read_table(file, USUAL.needed(place.data)).find(None, USUAL.label) for file in files):
            return True
        layout = find_layout(place.tree, place.data)
    except Exception:  # reading it reports what is wrong
        return True
    classes = (child for parts in layout.roots for child in place.tree.children(parts))
    return all(splits.is_container(child) for child in classes)


def read(place: Place) -> Source:
    """Every row of the metadata is an entry."""
    rows, files = Rows(), _metadata(place.path)
    by_split = place.path not in [file.parent for file in files]
    if by_split:
        _require_splits([file.parent.name for file in files], place)
        rows.split_from = "" if place.data.splits is False else "folders"
    for file in files:
        folder = file.parent.name if by_split else ""
        table = read_table(file, USUAL.needed(place.data))
        split = folder if by_split else None
        add_rows(rows, table, place.data, USUAL, place.path, folder=folder, split=split, by_folder=True)
    entries = rows.entries(place.data, f"data.source {place.data.source}")
    kinds = named(sorted({file.name for file in files}))
    column = "" if rows.label_from == "column label" else f", {rows.label_from}"
    reading = Reading(
        "Hugging Face image folder", rows.layout("imagefolder"), (f"labels from {kinds}{column}", *rows.notes)
    )
    return Source(place.path, entries, reading)


def _metadata(root: Path) -> list[Path]:
    """The metadata file at the root or else in each folder there; the first kind, if a folder has several."""
    if here := _first(root):
        return [here]
    folders = sorted(child for child in root.iterdir() if child.is_dir() and not is_hidden(child.name))
    return [file for folder in folders if (file := _first(folder))]


def _first(folder: Path) -> Path | None:
    return next((folder / name for name in METADATA if (folder / name).is_file()), None)


def _require_splits(names: list[str], place: Place) -> None:
    """Refuse folders with metadata of their own that may be no splits."""
    if place.data.splits is None and not all(splits.role(name) for name in names):
        raise InputError(
            f"data.source {place.data.source}: {named(names)} have metadata of their own, but not all are named like "
            f"splits. Say which are: data.splits: {splits.setting(names)}, or data.splits: false if none is"
        )


FORMAT = Format(
    name="imagefolder",
    expected="a Hugging Face image folder with metadata.csv, .jsonl or .parquet",
    recognises=recognises,
    read=read,
)
