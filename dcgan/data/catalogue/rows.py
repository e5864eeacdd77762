"""From a table's rows to entries: which column is which, what the splits are, and where the files are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dcgan.config import DataConfig
from dcgan.data.catalogue import splits
from dcgan.data.catalogue.labels import to_names
from dcgan.data.catalogue.reasons import MISSING, NO_LABEL, NO_SPLIT
from dcgan.data.catalogue.resolving import find_files
from dcgan.data.catalogue.sources import Entry, as_text, named, problem_of_label
from dcgan.data.catalogue.tables import Table, missing_columns
from dcgan.errors import InputError


@dataclass(frozen=True)
class Usual:
    """What the columns of a kind of table are usually called."""

    path: tuple[str, ...] = ("path",)
    label: tuple[str, ...] = ("label",)
    split: tuple[str, ...] = ("split",)

    def needed(self, data: DataConfig) -> list[Sequence[str]]:
        """Names of the columns that must be there, of each of which one is."""
        columns = data.columns
        label: list[Sequence[str]]
        if isinstance(columns.label, list):
            label = [[name] for name in columns.label]
        else:
            label = [[columns.label]] if columns.label else [self.label]
        return [[columns.path] if columns.path else self.path, *label]


@dataclass
class Rows:
    """The rows of one or more tables, on their way to entries."""

    paths: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    """As the tables, or the folders, call them."""
    problems: list[str] = field(default_factory=list)
    label_from: str = ""
    """Column, or columns, that the labels are from."""
    split_from: str = ""
    """Where the splits are from; "" where there are none."""
    notes: list[str] = field(default_factory=list)
    """How it was read, where that is not plain."""

    def note(self, notes: Iterable[str]) -> None:
        """Take note of how something was read."""
        self.notes += [one for one in notes if one not in self.notes]

    def add(self, path: str, label: str, split: str, problem: str) -> None:
        """Take a row."""
        self.paths.append(path)
        self.labels.append(label)
        self.splits.append(split)
        self.problems.append(problem)

    def entries(self, data: DataConfig, where: str) -> list[Entry]:
        """All rows as entries.

        Args:
            data: what the job says.
            where: the source, for messages.

        Raises:
            InputError: what the splits are can be read in more than one way.
        """
        split_of = self._split_of(data, where) if self.split_from else {}
        found = []
        for path, label, called, known in zip(self.paths, self.labels, self.splits, self.problems, strict=True):
            split = split_of.get(called) if self.split_from else ""
            problem = (problem_of_label(label) or known) if label else NO_LABEL
            found.append(Entry(as_text(path), as_text(label), split or "", NO_SPLIT if split is None else problem))
        return found

    def _split_of(self, data: DataConfig, where: str) -> dict[str, str | None]:
        """The split that each name means; None if the job does not name it."""
        called = {one for one in self.splits if one}
        if data.splits:
            named_by_job = {_meant(one, called, where): split for one, split in data.named_splits().items()}
            return {one: named_by_job.get(one) for one in (*called, "")}
        split_of: dict[str, str | None] = {one: one for one in (*called, "")}
        if "train" not in called and any(splits.role(one) is splits.Role.TRAIN for one in called):
            names = splits.names(called)
            if names is None:
                raise InputError(
                    f"{where}: of {named(sorted(called))}, more than one is named like the training split. Say which: "
                    f"data.splits: {splits.setting(called)}"
                )
            split_of |= names
            self.note(f"{one} read as split {split}" for one, split in sorted(names.items()) if one != split)
        return split_of

    def layout(self, kind: str) -> str:
        """What changes the classes when it changes."""
        return f"{kind}, labels from {self.label_from}, splits from {self.split_from or 'nowhere'}".casefold()


def add_rows(
    rows: Rows,
    table: Table,
    data: DataConfig,
    usual: Usual,
    root: Path,
    *,
    folder: str = "",
    split: str | None = None,
    by_folder: bool = False,
) -> None:
    """Add a table's rows.

    Args:
        rows: what to add to.
        table: a row for each image.
        data: what the job says.
        usual: names of columns.
        root: folder that the entries' paths are to be relative to.
        folder: of the table's paths, relative to `root`.
        split: what that of all rows is called; None: the table says.
        by_folder: whether the first folder of a path may name its split.

    Raises:
        InputError: columns are missing, labels are no names, or paths can be read in more than one way.
    """
    rows.note(table.notes)
    path_column, labels = _path_column(table, data, usual), _labels(rows, table, data, usual)
    names = to_names(table.columns[path_column], f"{table.file}, column {path_column}")
    within = "/".join(filter(None, (folder, data.images))).removesuffix("/")
    inside = [f"{within}/{name}" if within and name else name for name in names]
    paths, there, notes = find_files(root, inside, f"{table.file}, column {path_column}")
    rows.note(f"paths read {one}" for one in notes)
    called = [split] * len(paths) if split is not None else _splits(rows, table, data, usual, paths, by_folder)
    for path, label, of_row, is_there in zip(paths, labels, called, there, strict=True):
        rows.add(path or ".", label, of_row, "" if is_there else MISSING)


def _path_column(table: Table, data: DataConfig, usual: Usual) -> str:
    column = table.find(data.columns.path, usual.path)
    if column is None:
        has_label = isinstance(data.columns.label, list) or table.find(data.columns.label, usual.label)
        raise missing_columns(table, ["path"] if has_label else ["path", "label"])
    return column


def _labels(rows: Rows, table: Table, data: DataConfig, usual: Usual) -> list[str]:
    wanted = data.columns.label
    if isinstance(wanted, list):
        rows.label_from = f"columns {named(wanted)}, of which one is 1"
        return _of_ones(table, [str(table.find(column, ())) for column in wanted])
    column = table.find(wanted, usual.label)
    if column is None:
        columns = _one_hot(table, data, usual)
        if not columns:
            raise missing_columns(table, ["label"])
        rows.label_from = f"columns {named(columns)}, of which one is 1"
        return _of_ones(table, columns)
    rows.label_from = f"column {column}"
    where = f"{table.file}, column {column}"
    return to_names(table.columns[column], where, table.class_names.get(column, ()))


def _one_hot(table: Table, data: DataConfig, usual: Usual) -> list[str]:
    """The columns that are classes, where each row has 1 in one of them and 0 in the others; none where not."""
    beside = {table.find(data.columns.path, usual.path), table.find(data.columns.split, usual.split), ""}
    columns = [column for column in table.columns if column not in beside]
    if len(columns) < 2:
        return []
    values = [[_number(value) for value in table.columns[column]] for column in columns]
    ones = [row.count(1) == 1 and row.count(0) == len(row) - 1 for row in map(list, zip(*values, strict=True))]
    return columns if ones and all(ones) else []


def _of_ones(table: Table, columns: Sequence[str]) -> list[str]:
    labels = []
    values = [[_number(value) for value in table.columns[column]] for column in columns]
    for number, row in enumerate(map(list, zip(*values, strict=True))):
        if row.count(0) + row.count(1) < len(row) or row.count(1) > 1:
            found = named(f"{column} {value}" for column, value in zip(columns, row, strict=True) if value != 0)
            raise InputError(f"{table.file}, row {number + 1}: {found}; expected 1 in one column and 0 in all others")
        labels.append(columns[row.index(1)] if 1 in row else "")
    return labels


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return {"true": 1.0, "false": 0.0}.get(str(value).strip().lower())


def _splits(
    rows: Rows, table: Table, data: DataConfig, usual: Usual, paths: Sequence[str], by_folder: bool
) -> list[str]:
    """What the split of each row is called; "" where there are none."""
    if (given := given_splits(rows, table, data, usual.split)) is not None:
        return given
    if data.splits is False:
        return [""] * len(paths)
    firsts = [path.partition("/")[0] if "/" in path else "" for path in paths]
    found = {first for first in firsts if first}
    doubtful = splits.sure(found) | set(splits.alike(found))
    all_are = all(firsts) and all(splits.role(first) for first in found)
    if data.splits or (by_folder and doubtful and all_are):
        rows.split_from = "folders"
        return firsts
    # A table may list the images of one split, in a folder that is called so.
    if doubtful and {splits.role(one) for one in found} != {splits.Role.TRAIN}:
        raise InputError(
            f"{table.file} has no split column, but files in {named(sorted(doubtful))}, which are named like splits. "
            f"If they are splits, set data.splits: {splits.setting(doubtful)}; if not, data.splits: false"
        )
    return [""] * len(paths)


def given_splits(rows: Rows, table: Table, data: DataConfig, usual: Sequence[str]) -> list[str] | None:
    """What a column calls the split of each row; None where there is no such column, or none is asked for."""
    column = table.find(data.columns.split, usual)
    if column is None or data.splits is False:
        return None
    rows.split_from = f"column {column}"
    return to_names(table.columns[column], f"{table.file}, column {column}", table.class_names.get(column, ()))


def _meant(wanted: str, found: set[str], where: str) -> str:
    """The one of some names that the job means."""
    alike = [one for one in found if one.strip().casefold() == wanted.strip().casefold()]
    if wanted in found:
        return wanted
    if len(alike) != 1:
        raise InputError(f"{where}: data.splits names {wanted}, but the splits are {named(sorted(found))}")
    return alike[0]
