"""The manifest: one row per synthetic image. `dcgan.release.rows` reads it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from dcgan.run.paths import Run

SCHEMA = pa.schema(
    {
        "image_id": pa.string(),
        "path": pa.string(),
        "label": pa.string(),
        "class_index": pa.int64(),
        "split": pa.string(),
        "seed": pa.int64(),
        "index": pa.int64(),
        "model_sha256": pa.string(),
        "image_sha256": pa.string(),
        "height": pa.int64(),
        "width": pa.int64(),
        "channels": pa.int64(),
        "critic_score": pa.float64(),
        "label_confidence": pa.float64(),
        "nearest_real_distance": pa.float64(),
        "nearest_real_path": pa.string(),
        "run_id": pa.string(),
    }
)
COLUMNS: list[str] = SCHEMA.names
METADATA, METADATA_OF_DATES = "metadata.jsonl", "metadata.parquet"  # of Hugging Face's image folder
ROWS_PER_GROUP = 65_536  # of the Parquet file; at most twice as many are kept in memory


def class_rows(run: Run, label: str, class_index: int) -> Iterator[pd.DataFrame]:
    """The manifest's rows of a generated class, some at a time, in the order of their index; all columns but `path`.

    Args:
        run: with this class generated.
        label: the class.
        class_index: its number among all classes of the job, sorted by name.
    """
    with pq.ParquetFile(run.generation(label) / "rows.parquet") as file:
        for rows in file.iter_batches(ROWS_PER_GROUP):
            # All of it is training data: synthetic images have no place among the images that a model is tested on.
            table = rows.to_pandas().assign(class_index=class_index, split="train")
            yield table[[column for column in COLUMNS if column != "path"]]


class ManifestWriter:
    """Writes `manifest.parquet`, `manifest.csv` and `metadata.jsonl` as rows come.

    Use it as a context manager: the files are whole when its block ends.
    """

    def __init__(self, folder: Path, *, image_folder: bool) -> None:
        """Open the files.

        Args:
            folder: of the release.
            image_folder: whether the rows' images are files, and so are Hugging Face's image folder with its
                `metadata.jsonl`, or `metadata.parquet` where a class is called like a date.
        """
        self._folder = folder
        self._stack = ExitStack()
        self._parquet = self._stack.enter_context(pq.ParquetWriter(folder / "manifest.parquet", SCHEMA))
        self._csv = self._open("manifest.csv")
        self._csv.write(",".join(COLUMNS) + "\n")
        self._metadata = self._open(METADATA) if image_folder else None
        self._labels: set[str] = set()
        self._waiting: list[pd.DataFrame] = []

    def __enter__(self) -> ManifestWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None and self._waiting:
                self._write()
        if kind is None and self._metadata and any(map(_reads_as_time, self._labels)):
            columns = pq.read_table(self._folder / "manifest.parquet", columns=["path", "label"])
            pq.write_table(columns.rename_columns(["file_name", "label"]), self._folder / METADATA_OF_DATES)
            (self._folder / METADATA).unlink()

    def add(self, rows: pd.DataFrame) -> None:
        """Append rows with all the manifest's columns. They are written when there are enough for a group."""
        self._waiting.append(rows)
        if sum(len(rows) for rows in self._waiting) >= ROWS_PER_GROUP:
            self._write()

    def _open(self, name: str) -> TextIO:
        return self._stack.enter_context((self._folder / name).open("w", encoding="utf-8", newline=""))

    def _write(self) -> None:
        rows = pd.concat(self._waiting, ignore_index=True)
        self._waiting.clear()
        table = pa.Table.from_pandas(rows, SCHEMA, preserve_index=False)
        self._parquet.write_table(table, row_group_size=ROWS_PER_GROUP)
        # People open the manifest in a spreadsheet. Programs read the metadata, to which a label is what it is.
        neutral = {column: _neutral(rows[column]) for column in ("label", "nearest_real_path")}
        rows[COLUMNS].assign(**neutral).to_csv(self._csv, index=False, header=False)
        self._labels.update(rows["label"])
        if self._metadata:
            for path, label in zip(rows["path"], rows["label"], strict=True):
                self._metadata.write(json.dumps({"file_name": path, "label": label}, ensure_ascii=False) + "\n")


def _reads_as_time(label: str) -> bool:
    """Whether Arrow's reader of JSON, which Hugging Face uses, takes a class's name for a time where all are alike."""
    line = json.dumps({"label": label}).encode()
    return bool(pa.json.read_json(io.BytesIO(line)).schema.field("label").type != pa.string())


def _neutral(texts: Iterable[str]) -> list[str]:
    """Values with an apostrophe before what a spreadsheet would take for a formula (OWASP, CSV injection)."""
    return [f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text for text in texts]
