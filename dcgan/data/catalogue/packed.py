"""Images whose bytes stand in the rows of Parquet files."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from dcgan.data.catalogue.kinds import open_picture

BATCH = 16  # rows decoded at a time: memory for so many images


@dataclass(frozen=True)
class Packed:
    """An image in a row of a Parquet file."""

    file: str
    column: str
    """Of bytes; within a struct, its path: `image.bytes`."""
    group: int
    """Row group."""
    row: int
    """Within the group."""

    def __str__(self) -> str:
        return f"{self.file}, row {self.row} of group {self.group}"

    def address(self) -> list[Any]:
        """See `opening.Item`."""
        return [__name__, "Packed", self.file, self.column, self.group, self.row]

    def read(self) -> bytes:
        """The bytes.

        Raises:
            OSError: the row holds none.
        """
        content = _cursor(self.file, self.column).value(self.group, self.row)
        if content is None:
            raise OSError("the row has only the path of an image, not its bytes")
        return content

    def picture(self, content: bytes) -> Image.Image:
        """What Pillow makes of them."""
        return open_picture(content)


class _Cursor:
    """Reads a column's values one after the other; those that are asked for out of order take longer."""

    def __init__(self, file: str, column: str) -> None:
        self._file, self._column = pq.ParquetFile(file, memory_map=True), column
        self._group, self._next = -1, 0
        self._values: Iterator[bytes | None] = iter(())

    def value(self, group: int, row: int) -> bytes | None:
        if group != self._group or row < self._next:
            self._group, self._next, self._values = group, 0, self._all(group)
        for value in self._values:
            self._next += 1
            if self._next > row:
                return value
        raise OSError(f"the file has no row {row} in group {group}: it has changed")

    def _all(self, group: int) -> Iterator[bytes | None]:
        for batch in self._file.iter_batches(batch_size=BATCH, row_groups=[group], columns=[self._column]):
            values = batch.column(0)
            for name in self._column.split(".")[1:]:
                values = values.field(name)
            yield from (value.as_py() for value in values)


@functools.lru_cache(maxsize=2)
def _cursor(file: str, column: str) -> _Cursor:
    return _Cursor(file, column)


def let_go() -> None:
    """Close the files that are open."""
    _cursor.cache_clear()
