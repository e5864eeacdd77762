"""Reading a manifest that a stranger may have written: each row is what the release's record and format prescribe.

So its paths lead to the release's own images only, its names are safe as names of files, and no image is there twice.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dcgan.generation.png import image_id
from dcgan.release import formats
from dcgan.release.folder import MAX_SHOWN
from dcgan.release.manifest import COLUMNS, ROWS_PER_GROUP, SCHEMA
from dcgan.release.record import MAX_CANDIDATES, RUN_ID, SHA256
from dcgan.run.records import ReleaseRecord

TEXTS = [field.name for field in SCHEMA if field.type == pa.string()]
MAX_TEXT_BYTES = dict.fromkeys(TEXTS, 1024) | {"nearest_real_path": 4096}  # of one value
MAX_EXTRA_BYTES = 2**20  # of the Parquet file, beside MAX_ROW_BYTES for each row
MAX_ROW_BYTES = 8 * 2**10
CODECS = {"SNAPPY", "UNCOMPRESSED"}  # what they unpack to is at most some twenty times as large


def max_bytes(record: ReleaseRecord) -> int:
    """The most that a release's `manifest.parquet`, or another table of its images, can hold."""
    return MAX_EXTRA_BYTES + MAX_ROW_BYTES * sum(entry.released for entry in record.classes.values())


def read_manifest(file: BinaryIO, record: ReleaseRecord) -> pd.DataFrame:
    """Read a release's `manifest.parquet`, and require it to be what the release's record and format prescribe.

    It is read some rows at a time, and what comes next only when they are right: a small file can hold as many rows as
    it likes, but not different ones.

    Args:
        file: opened; of at most `max_bytes`.
        record: the release's.

    Raises:
        ValueError: it is not; the message names the row or the column.
        pa.ArrowException, OSError: it is no Parquet file, or is damaged.
    """
    parquet = pq.ParquetFile(file, read_dictionary=TEXTS)  # a long text that every row has is in memory once
    _require_schema(parquet)
    _require_sizes(parquet, record)
    expected = _Expected(record)
    tables = []
    for number in range(parquet.metadata.num_row_groups):
        table = parquet.read_row_group(number, columns=COLUMNS)
        if table.num_rows != parquet.metadata.row_group(number).num_rows:
            raise ValueError(f"row group {number} has {table.num_rows} rows, but its metadata say otherwise")
        for name in TEXTS:
            _require_short(table[name], name)
        table = table.cast(SCHEMA)
        expected.check(table)
        tables.append(table)
    expected.require_all()
    manifest: pd.DataFrame = pa.concat_tables(tables or [SCHEMA.empty_table()]).to_pandas()
    return manifest


def _require_schema(parquet: pq.ParquetFile) -> None:
    found = parquet.schema_arrow
    for field in SCHEMA:
        kind = pa.dictionary(pa.int32(), pa.string()) if field.name in TEXTS else field.type
        there = [other.type for other in found if other.name == field.name]
        if there != [kind]:
            types = ", ".join(map(str, there)) or "none"
            raise ValueError(f"column {field.name}: expected one of type {field.type}, found {types}")


def _require_sizes(parquet: pq.ParquetFile, record: ReleaseRecord) -> None:
    metadata, num_rows = parquet.metadata, sum(entry.released for entry in record.classes.values())
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if metadata.num_rows != num_rows or sum(group.num_rows for group in groups) != num_rows:
        raise ValueError(f"it has {metadata.num_rows:,} rows, but release.json says {num_rows:,} images")
    for group in groups:
        if not 0 < group.num_rows <= ROWS_PER_GROUP:
            raise ValueError(f"a row group has {group.num_rows:,} rows, expected 1 to {ROWS_PER_GROUP:,}")
        columns = [group.column(number) for number in range(group.num_columns)]
        if odd := {column.compression for column in columns} - CODECS:
            raise ValueError(f"it is compressed by {', '.join(sorted(odd))}, expected {' or '.join(sorted(CODECS))}")
        if group.total_byte_size > MAX_EXTRA_BYTES + MAX_ROW_BYTES * group.num_rows:
            raise ValueError(f"a row group of {group.num_rows:,} rows unpacks to {group.total_byte_size:,} bytes")


def _require_short(column: pa.ChunkedArray, name: str) -> None:
    """Every text is UTF-8 and of a length that it can have, before any is copied to the rows that have it."""
    for chunk in column.chunks:
        chunk.validate(full=True)
        longest = pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0
        if longest > MAX_TEXT_BYTES[name]:
            raise ValueError(
                f"column {name}: a text of {longest:,} bytes, at most {MAX_TEXT_BYTES[name]:,} are expected"
            )


class _Expected:
    """What the rows of a release's manifest must be, from the first row to the last."""

    def __init__(self, record: ReleaseRecord) -> None:
        self._record = record
        self._labels = [label for label, entry in record.classes.items() if entry.released]
        self._shards = formats.shards_among(record.files)
        self._counts = np.zeros(len(self._labels), np.int64)
        self._last = (-1, -1)  # class and index of the row before

    def check(self, table: pa.Table) -> None:
        """Check the rows that come next.

        Raises:
            ValueError: naming the first row that is wrong.
        """
        number = pc.index_in(table["label"], pa.array(self._labels, pa.string()))  # of the class, among the shipped
        self._require(table, "label", pc.is_valid(number), "a class that ships")
        in_bounds = pc.and_(pc.greater_equal(table["index"], 0), pc.less(table["index"], MAX_CANDIDATES))
        self._require(table, "index", in_bounds, f"0 to {MAX_CANDIDATES:,}")
        for name, values in self._columns(number, table["index"]).items():
            self._require(table, name, pc.equal(table[name], values), values)
        for name, pattern in {"image_sha256": SHA256, "run_id": RUN_ID}.items():
            self._require(table, name, pc.match_substring_regex(table[name], f"^({pattern.pattern})$"), "another form")
        self._require(table, "seed", pc.is_valid(table["seed"]), "a number")
        self._require_order(table, number.to_numpy(), table["index"].to_numpy())
        self._counts += np.bincount(number.to_numpy(), minlength=len(self._labels))

    def require_all(self) -> None:
        """Every image of every class was there.

        Raises:
            ValueError: naming a class.
        """
        for label, count in zip(self._labels, self._counts, strict=True):
            if count != (released := self._record.classes[label].released):
                raise ValueError(f"class {label!r} has {count:,} images, but release.json says {released:,}")

    def _columns(self, number: pa.ChunkedArray, index: pa.ChunkedArray) -> dict[str, pa.ChunkedArray | pa.Scalar]:
        """What the format prescribes: values by column, for each row or one for all."""
        entries = [self._record.classes[label] for label in self._labels]
        digits = pc.utf8_lpad(pc.cast(index, pa.string()), width=7, padding="0")
        stems = pa.array([image_id(label, 0).removesuffix("0" * 7) for label in self._labels], pa.string())
        ids = pc.binary_join_element_wise(stems.take(number), digits, "")
        height, width, channels = self._record.image_shape
        return {
            "class_index": pa.array([entry.class_index for entry in entries], pa.int64()).take(number),
            "image_id": ids,
            "path": self._paths(number, ids),
            "split": pa.scalar("train"),
            "model_sha256": pa.array([entry.model_sha256 for entry in entries], pa.string()).take(number),
            "height": pa.scalar(height),
            "width": pa.scalar(width),
            "channels": pa.scalar(channels),
        }

    def _paths(self, number: pa.ChunkedArray, ids: pa.ChunkedArray) -> pa.ChunkedArray:
        if not self._shards:
            folders = pa.array([formats.image_path(label, "").removesuffix(".png") for label in self._labels])
            return pc.binary_join_element_wise(folders.take(number), ids, ".png", "")
        rows = self._counts.sum() + np.arange(len(ids))  # images are dealt to the shards in turn
        records, shards = np.divmod(rows, len(self._shards))
        if self._shards[0].endswith(formats.SUFFIXES["webdataset"]):
            names = pc.binary_join_element_wise(ids, ".png", "")
        else:
            names = pc.cast(pa.array(records), pa.string())
        return pc.binary_join_element_wise(pa.array(self._shards).take(shards), names, formats.IN_SHARD)

    def _require_order(self, table: pa.Table, number: np.ndarray, index: np.ndarray) -> None:
        """By class and then by index, so that no image is there twice."""
        before_number, before_index = (
            np.concatenate([[last], values[:-1]]) for last, values in zip(self._last, (number, index), strict=True)
        )
        later = (number > before_number) | ((number == before_number) & (index > before_index))
        self._require(table, "index", pa.array(later), "one after that of the row before, class by class")
        self._last = (int(number[-1]), int(index[-1]))

    def _require(self, table: pa.Table, name: str, is_right: Any, expected: Any) -> None:
        """Every row of a column is right. `expected`, for the message: values for each row, or one, or words."""
        row = pc.index(pc.fill_null(is_right, False), False).as_py()
        if row >= 0:
            found = repr(table[name][row].as_py())[:MAX_SHOWN]
            wanted = expected if isinstance(expected, str) else repr(_at(expected, row).as_py())
            raise ValueError(f"row {self._counts.sum() + row}: {name} is {found}, expected {wanted}")


def _at(values: Any, row: int) -> pa.Scalar:
    return values if isinstance(values, pa.Scalar) else values[row]
