"""What files held when they were last opened, so that a file that did not change is not opened again.

A file did not change when its path, size and the two times that the system keeps of it are the same: of its content's
last change (mtime, which programs can set at will) and of any change (ctime, which they cannot). What cannot be known
from that, a disk that forgets, is what `--rehash` is for.
"""

from __future__ import annotations

import functools
import io
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import PIL
import pyarrow as pa
import pyarrow.parquet as pq

from dcgan.config import DataConfig
from dcgan.data.catalogue import decode, depth, kinds, opening, upright
from dcgan.data.catalogue.sources import Source
from dcgan.errors import StorageError
from dcgan.files import marks, storage

FORMAT = 2
STATE = ["path", "size", "mtime_ns", "ctime_ns"]  # while these are the same, so are the facts
FACTS = list(opening.Facts.__annotations__)
SETTLED_NS = 2_000_000_000  # a file that changed less than so long ago may change again under the same times

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cache:
    """A job's memory of its input files: one file, a line with the checksum of the rest, which is Parquet."""

    file: Path | None = None
    """None: no memory."""
    rehash: bool = False
    """Ignore what is remembered, and replace it."""
    writable: bool = True
    """Whether what is found is remembered."""

    def load(self, source: Source, data: DataConfig) -> pd.DataFrame:
        """What is remembered of a source's files, read as `data` says: `STATE` and `FACTS`, a row for each path.

        A damaged memory is reported, and treated as empty; so is, without a report, one of another source or of
        another version of the code that opens pictures.
        """
        nothing = pd.DataFrame({column: pd.Series(dtype=object) for column in STATE + FACTS})
        if self.file is None or self.rehash or not self.file.exists():
            return nothing
        try:
            checksum, _, content = self.file.read_bytes().partition(b"\n")
            problem = "" if checksum == _checksum(content) else "its checksum is another"
        except OSError as error:
            problem = str(error)
        if problem:
            log.warning("%s is damaged and is ignored: every image is opened again (%s)", self.file, problem)
            return nothing
        table = pq.read_table(pa.BufferReader(content))
        head = (table.schema.metadata or {}).get(b"dcgan", b"null")
        return table.to_pandas() if json.loads(head) == _head(source, data) else nothing

    def save(self, source: Source, data: DataConfig, found: pd.DataFrame, began_ns: int) -> None:
        """Replace what is remembered.

        Args:
            source: all of whose files were asked for.
            data: how they were read.
            found: see `load`.
            began_ns: when the files' states were read, in ns since the epoch.
        """
        if self.file is None or not self.writable:
            return
        was_read = found["sha256"] != ""
        settled = found["ctime_ns"] < began_ns - SETTLED_NS
        kept = found[was_read & settled].drop_duplicates("path")
        table = pa.Table.from_pandas(kept[STATE + FACTS], preserve_index=False)
        content = io.BytesIO()
        pq.write_table(table.replace_schema_metadata({"dcgan": json.dumps(_head(source, data))}), content)
        try:
            storage.write_bytes(self.file, _checksum(content.getvalue()) + b"\n" + content.getvalue())
        except StorageError as error:
            log.warning("the next run will open every image again: %s", error)


def states(source: Source, numbers: list[int]) -> tuple[pd.DataFrame, int]:
    """The columns `STATE` of entries, in their order, and when they were read, in ns since the epoch."""
    began_ns = time.time_ns()
    rows = [(source.entries[number].path, *source.state(number)) for number in numbers]
    return pd.DataFrame(rows, columns=STATE), began_ns


def _checksum(content: bytes) -> bytes:
    return storage.sha256_bytes(content).encode()


def _head(source: Source, data: DataConfig) -> dict[str, object]:
    """What a memory is of, and what made it."""
    return {
        "format": FORMAT,
        "code": _code_version(),
        "root": str(source.root),
        "range": data.range and list(data.range),
    }


@functools.cache
def _code_version() -> str:
    """Changes when a picture may be understood otherwise."""
    files = [Path(str(module.__file__)).read_bytes() for module in (decode, depth, kinds, upright, opening, marks)]
    return storage.sha256_bytes(b"\0".join([PIL.__version__.encode(), *files]))
