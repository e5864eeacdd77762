"""Tables of images: CSV, JSON lines and Parquet, as text, with their columns found by name."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dcgan.data.catalogue.sources import named
from dcgan.data.catalogue.walking import ENDINGS
from dcgan.errors import InputError

TEXT_TABLES = (".csv", ".tsv")
TABLES = (*TEXT_TABLES, ".parquet")

MAX_BYTES = 2_000_000_000  # of a CSV or JSON lines, which are read whole
MAX_ROWS = 10_000_000  # of a Parquet file, whose size does not tell how much it holds

_SEPARATORS = {",": "", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MANY_COLUMNS = 60  # from which on a table with no file names holds pixels, rather than facts about files


@dataclass(frozen=True)
class Table:
    """A table, and how it was read."""

    file: Path
    columns: Mapping[str, Sequence[Any]]
    """Values by column: text in a CSV, and the file's own types otherwise."""
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Of columns of whole numbers that are indices: what they are indices into."""
    notes: tuple[str, ...] = ()
    """How it was read, where that is not plain."""

    def find(self, wanted: str | None, usual: Sequence[str]) -> str | None:
        """The column that is meant.

        Args:
            wanted: its name as the job has it.
            usual: else, names to look for; the first that is there.

        Returns:
            Its name in the table; None where there is none of the usual names.

        Raises:
            InputError: there is none of the wanted name.
        """
        for name in usual if wanted is None else [wanted]:
            alike = [column for column in self.columns if column.strip().casefold() == name.strip().casefold()]
            if name in self.columns:
                return name
            if len(alike) == 1:
                return alike[0]
        if wanted is not None:
            raise InputError(f"{self.file} has no column {wanted}; it has {named(self.columns)}")
        return None


def read_table(file: Path, needed: Sequence[Sequence[str]]) -> Table:
    """Read a table.

    Args:
        file: by its ending CSV, TSV, JSON lines or Parquet.
        needed: names of columns, of each of which one should be there: they tell what separates the columns of a CSV.

    Raises:
        InputError: it is not such a table, or not in a way that can be understood without a guess.
    """
    if file.suffix.lower() == ".parquet":
        return parquet_table(file)
    if (num_bytes := file.stat().st_size) > MAX_BYTES:
        raise InputError(f"{file} has {num_bytes:,} bytes; a table may have up to {MAX_BYTES:,}")
    if file.suffix.lower() == ".jsonl":
        return _json_lines(file)
    return _csv(file, needed)


def missing_columns(table: Table, expected: Sequence[str]) -> InputError:
    """What to say of a table without its columns: what it has instead, and what that may be."""
    lacking = " and no column ".join(expected)
    notes = f"{table.file} has no column {lacking}; it has {named(table.columns)}."
    names = list(table.columns)
    if len(names) >= _MANY_COLUMNS:
        return InputError(
            f"{notes} It may contain the pixels themselves: write them to an .npz with images, uint8 (N, H, W), and "
            "labels"
        )
    if any(name.strip().lower().endswith(ENDINGS) for name in names):
        return InputError(f"{notes} It may have no header: write the names of its columns into the first line")
    keys = ", ".join(f"{name}: COLUMN" for name in expected)
    return InputError(f"{notes} Name the columns: data.columns: {{{keys}}}")


def class_labels(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """Class names by column, as Hugging Face's datasets writes them into a Parquet file's schema."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {
            column: [str(name) for name in feature["names"]]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


class _ParquetColumns(Mapping[str, Sequence[Any]]):
    """The columns of a Parquet file, each read when it is asked for."""

    def __init__(self, file: Path) -> None:
        with pq.ParquetFile(file) as opened:
            self._file, self._schema = file, opened.schema_arrow

    def __getitem__(self, name: str) -> Sequence[Any]:
        if name not in self._schema.names:
            raise KeyError(name)
        kind = self._schema.field(name).type
        as_dictionary = pa.types.is_string(kind) or pa.types.is_binary(kind)
        with pq.ParquetFile(self._file, read_dictionary=[name] if as_dictionary else None) as opened:
            column = opened.read(columns=[name]).column(name)
        if not as_dictionary:
            values: Sequence[Any] = column.to_pylist()
            return values
        # Values that repeat are held once: few bytes in the file stay few in memory.
        found: list[Any] = []
        for chunk in column.chunks:
            of_index = chunk.dictionary.to_pylist()
            found += [None if index is None else of_index[index] for index in chunk.indices.to_pylist()]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._schema.names)

    def __len__(self) -> int:
        return len(self._schema.names)


def parquet_table(file: Path) -> Table:
    """A Parquet file as a table.

    Raises:
        InputError: it has too many rows.
    """
    with pq.ParquetFile(file) as opened:
        if opened.metadata.num_rows > MAX_ROWS:
            raise InputError(f"{file} has {opened.metadata.num_rows:,} rows; a table may have up to {MAX_ROWS:,}")
        return Table(file, _ParquetColumns(file), class_labels(opened.schema_arrow.metadata))


def _json_lines(file: Path) -> Table:
    rows = []
    for number, line in enumerate(_text(file.read_bytes(), file)[0].splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{file}, line {number}: not JSON: {error}") from None
            if not isinstance(row, dict):
                raise InputError(f"{file}, line {number}: expected an object, such as {{...}}, found {line[:40]}")
            rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Table(file, {name: [row.get(name) for row in rows] for name in names})


def _csv(file: Path, needed: Sequence[Sequence[str]]) -> Table:
    """Text, never converted: a class may be called NA, null or 007."""
    text, notes = _text(file.read_bytes(), file)
    rows = _rows(text, ",", file)
    for separator, words in list(_SEPARATORS.items())[1:]:
        # Where commas give the columns that are needed, nothing else is tried.
        if rows and _has(rows[0], needed):
            break
        others = _rows(text, separator, file)
        if others and _has(others[0], needed):
            rows, notes = others, [*notes, f"columns separated by {words}"]
    if not rows:
        raise InputError(f"{file} is empty; expected a first line with the names of its columns, such as path,label")
    header, *body = rows
    shape = _shape(header, body, file)
    if shape:
        notes.append(shape[1])
        body = shape[0]
    if len(header) > 1 and any(name.startswith(" ") for name in header) and body:
        later = [value for row in body for value in row[1:] if value]
        if all(value.startswith(" ") for value in later):
            body = [[row[0], *(value.lstrip(" ") for value in row[1:])] for row in body]
            header = [name.lstrip(" ") for name in header]
            notes.append("a space after each separator left out")
    columns: dict[str, list[str]] = {}
    for number, name in enumerate(header):
        columns.setdefault(name, [row[number] if number < len(row) else "" for row in body])
    return Table(file, columns, {}, tuple(notes))


def _text(content: bytes, file: Path) -> tuple[str, list[str]]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16"), ["as UTF-16"]
        except UnicodeDecodeError as error:
            raise InputError(f"{file} starts like UTF-16 text, but is not: {error}. Save it as UTF-8") from None
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{file} is not UTF-8 text: byte {content[error.start]:#04x} in line {line}. Save it as UTF-8 (in a "
            "spreadsheet: CSV UTF-8)"
        ) from None


def _rows(text: str, separator: str, file: Path) -> list[list[str]]:
    try:
        return _parsed(text, separator, strict=True)
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise InputError(f"{file}: {_open_quote(text, separator)}") from None
        if "field larger" in str(error):
            raise InputError(f"{file}: {error}: it does not look like a table of images") from None
    return _parsed(text, separator, strict=False)  # text after a closing quote is taken as it stands


def _parsed(text: str, separator: str, *, strict: bool) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict) if row]


def _open_quote(text: str, separator: str) -> str:
    """Where the quote that is never closed begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begin = 1
    try:
        for _ in reader:
            begin = reader.line_num + 1
    except csv.Error:
        pass
    return f'a quote (") is opened in line {begin} and never closed. Close it, or write it twice where it is meant'


def _has(header: Sequence[str], needed: Sequence[Sequence[str]]) -> bool:
    names = {name.strip().casefold() for name in header}
    return all(any(one.strip().casefold() in names for one in ones) for ones in needed)


def _shape(header: list[str], body: list[list[str]], file: Path) -> tuple[list[list[str]], str] | None:
    """Rows with more values than there are columns, put right where there is one way to; None where there are none."""
    wide = [(number, row) for number, row in enumerate(body) if len(row) > len(header)]
    if not wide:
        return None
    if all(not any(row[len(header) :]) for _, row in wide):
        return [row[: len(header)] for row in body], "separators at the ends of lines left out"
    if all(len(row) == len(header) + 1 for row in body):  # as R writes it: the rows' names have no header
        return [row[1:] for row in body], "the first value of each row, which has no header, left out"
    number, row = next((number, row) for number, row in wide if any(row[len(header) :]))
    raise InputError(
        f"{file}, row {number + 2}: {len(row)} values, {named(row)}; the header has {len(header)} columns. Put values "
        'that contain the separator in quotes (")'
    )
