"""The German Traffic Sign Recognition Benchmark: PPM images, and GT-*.csv with semicolons that name their classes.

Its training images stand in a folder per class, which the form `folder` reads as well. Its test images do not: their
classes are in `GT-final_test.csv`.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from dcgan.data.catalogue.rows import Rows, Usual, add_rows
from dcgan.data.catalogue.sources import Format, Place, Reading, Source
from dcgan.data.catalogue.tables import Table, read_table
from dcgan.errors import InputError

ANNOTATIONS = re.compile(r"GT-.+\.csv", re.IGNORECASE)
_OF_A_CLASS = re.compile(r"GT-\d{5}\.csv", re.IGNORECASE)
USUAL = Usual(path=("Filename",), label=("ClassId",))


def recognises(place: Place) -> bool:
    """Whether there are annotations of images that are not in their class's folder."""
    if not place.path.is_dir():
        return bool(ANNOTATIONS.fullmatch(place.path.name)) and _tells_classes(place.path)
    return any(
        _tells_classes(place.path / file) for file in _annotations(place) if not _OF_A_CLASS.fullmatch(Path(file).name)
    )


def read(place: Place) -> Source:
    """Every row of the annotations is an entry."""
    rows = Rows()
    if place.path.is_dir():
        root, files = place.path, [place.path / file for file in _annotations(place)]
        while len(inner := place.tree.children(root.relative_to(place.path).parts)) == 1:
            root /= inner[0]
    else:
        root, files = place.path.parent, [place.path]
    for file in files:
        if _tells_classes(file):
            folder = file.parent.relative_to(root).as_posix() if file.parent.is_relative_to(root) else ""
            table = _with_names(read_table(file, [USUAL.path, USUAL.label]))
            add_rows(rows, table, place.data, USUAL, root, folder=folder.removeprefix("."), by_folder=True)
    entries = rows.entries(place.data, f"data.source {place.data.source}")
    details = ("labels from column ClassId of GT-*.csv", *(one for one in rows.notes if "semicolons" not in one))
    return Source(root, entries, Reading("GTSRB", rows.layout("gtsrb"), details))


def _annotations(place: Place) -> list[str]:
    found = [file for file in place.tree.files_ending(".csv") if ANNOTATIONS.fullmatch(Path(file).name)]
    return [file for file in found if (place.path / file).is_file()]


def _tells_classes(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8") as content:
            header = content.readline(1000).strip().split(";")
    except (OSError, UnicodeDecodeError, InputError):
        return False
    return {"Filename", "ClassId"} <= set(header)


def _with_names(table: Table) -> Table:
    """Class 7 is called 00007, as its folder of training images is."""
    labels = [str(value).zfill(5) for value in table.columns["ClassId"]]
    return dataclasses.replace(table, columns=dict(table.columns) | {"ClassId": labels})


FORMAT = Format(
    name="gtsrb",
    expected="the folder of the GTSRB benchmark, with GT-*.csv",
    recognises=recognises,
    read=read,
)
