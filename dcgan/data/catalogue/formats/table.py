"""A table with a row for each image: CSV, TSV or Parquet with paths and labels, Kaggle's among them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from dcgan.data.catalogue.labels import to_names
from dcgan.data.catalogue.rows import Rows, Usual, add_rows
from dcgan.data.catalogue.sources import Format, Place, Reading, Source
from dcgan.data.catalogue.tables import TABLES, read_table

USUAL = Usual()


def read(place: Place) -> Source:
    """Every row is an entry."""
    rows, root = Rows(), place.path.parent
    add_rows(rows, read_table(place.path, USUAL.needed(place.data)), place.data, USUAL, root)
    entries = rows.entries(place.data, str(place.path))
    details = (f"labels from {rows.label_from}", *rows.notes)
    return Source(root, entries, Reading("table", rows.layout("table"), details))


def names_in(place: Place) -> Iterable[str]:
    """What its rows may mean; nothing if it is not a table: reading it reports what is wrong."""
    try:
        table = read_table(place.path, USUAL.needed(place.data))
        column = table.find(place.data.columns.path, USUAL.path)
        names = to_names(table.columns[str(column)], "") if column else []
    except Exception:
        return []
    within = f"{place.data.images.rstrip('/')}/" if place.data.images else ""
    return [PurePosixPath(f"{within}{name}".replace("\\", "/")).as_posix() for name in names if name]


FORMAT = Format(
    name="table",
    expected="a .csv, .tsv or .parquet table with columns path,label[,split]",
    recognises=lambda place: place.is_file(*TABLES),
    read=read,
    names_in=names_in,
)
