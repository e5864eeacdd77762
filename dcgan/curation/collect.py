"""From candidates to exactly N accepted images, part by part: a kill costs at most one part, and so does memory.

Parts are made one after the other, or side by side as shards that are then joined. The images are the same.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dcgan.config import ResolvedJob
from dcgan.curation import parts
from dcgan.curation.curator import Curator
from dcgan.curation.filters import Filters
from dcgan.execution.progress import OnProgress
from dcgan.files import pictures, storage
from dcgan.generation.model import CHUNK
from dcgan.generation.png import encode, image_id
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import GenerationRecord, PartRecord

NUM_WRITERS = 2  # threads that encode and write while the network makes the next chunk
MAX_WAITING = 8  # chunks that wait to be written
NUM_EXAMPLES = 8  # rejected images kept for each reason, to be looked at
GRID_COLUMNS, GRID_ROWS = 10, 4


def collect(run: Run, job: ResolvedJob, label: str, num_wanted: int, on_progress: OnProgress) -> GenerationRecord:
    """Make candidates in the order of their index and keep the first `num_wanted` that curation accepts.

    Leaves in `generation/<class>/`: `images/`, `rows.parquet`, `grid.png`, `rejected/<reason>/` with some examples, and
    finally `record.json`, which says whether the class is `short`: too few were accepted within `parts.MAX_TRIES`
    candidates per wanted image. A run that was killed resumes after the last complete part, one that was given images
    of an earlier run (`parts.lay_out`) after the last of these. Shards that exist are used.
    """
    folder = run.generation(label)
    record_file = folder / "record.json"
    if record_file.exists():
        return records.read(record_file, GenerationRecord)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    curator = Curator(run, job, label)
    began = time.monotonic()

    # Parts, until enough are accepted. The number wanted cuts the last one short, so it is in the parts' names.
    accepted = tried = 0
    rejected: Counter[str] = Counter()
    tables: list[Path] = []

    def take(part: Path) -> None:
        """Count a complete part, and let no later candidate be a duplicate of its images."""
        nonlocal accepted, tried
        record = records.read(part.with_suffix(".json"), PartRecord)
        accepted, tried = accepted + record.accepted, record.tried
        rejected.update(record.rejected)
        tables.append(part)
        curator.filters.have_seen(pd.read_parquet(part, columns=["pixel_hash"])["pixel_hash"].to_numpy())

    if (earlier := parts.earlier_part(folder)).exists():
        take(earlier)
    while accepted < num_wanted and tried < num_wanted * parts.MAX_TRIES:
        part = folder / "parts" / f"{num_wanted}-{len(tables):05d}.parquet"
        if not part.with_suffix(".json").exists():
            shard = run.shard(label, tried)
            if (shard / parts.SHARD_RECORD).exists():
                _adopt(shard, part, folder, curator.filters)
            else:
                last = min(tried + parts.PART, num_wanted * parts.MAX_TRIES)
                tell = _teller(on_progress, accepted, num_wanted)
                _make_part(part, folder, job, curator, range(tried, last), num_wanted - accepted, tell)
        take(part)
        on_progress({"done": accepted, "total": num_wanted})

    # All parts as one table, a grid to look at, and the record.
    storage.write_atomic(folder / "rows.parquet", lambda file: _join(tables, file))
    first = pd.read_parquet(tables[0])["image_id"].head(GRID_COLUMNS * GRID_ROWS)
    if len(first):
        shown = pictures.stack(folder / "images" / f"{name}.png" for name in first)
        storage.write_bytes(folder / "grid.png", pictures.png(pictures.grid(shown, GRID_COLUMNS)))
    record = GenerationRecord(
        accepted=accepted,
        short=accepted < num_wanted,
        tried=tried,
        rejected=dict(rejected),
        thresholds=curator.limits,
        seconds=round(time.monotonic() - began, 1),
    )
    records.write(record_file, record)
    shutil.rmtree(folder / "parts")
    shutil.rmtree(run.shards(label), ignore_errors=True)
    return record


def make_shards(run: Run, job: ResolvedJob, label: str, firsts: Sequence[int], on_progress: OnProgress) -> None:
    """Make some shards of a class (`parts.shards`), each independently of the others; `collect` joins them.

    Args:
        run: where the class is trained.
        job: resolved.
        label: class name.
        firsts: index of each shard's first candidate.
        on_progress: called with candidates; rejected ones count only at the end of a shard.
    """
    curator = Curator(run, job, label)
    for number, first in enumerate(firsts):
        folder = run.shard(label, first)
        if not (folder / parts.SHARD_RECORD).exists():
            (folder / "images").mkdir(parents=True, exist_ok=True)
            curator.filters.forget()
            tell = _teller(on_progress, number * parts.PART, len(firsts) * parts.PART)
            indices = range(first, first + parts.PART)
            _make_part(folder / parts.SHARD_ROWS, folder, job, curator, indices, parts.PART, tell)
            tell(parts.PART)


def _teller(on_progress: OnProgress, before: int, total: int) -> Callable[[int], None]:
    """Returns a function that reports progress within a part, given how many of its images are accepted."""
    began = time.monotonic()

    def tell(count: int) -> None:
        on_progress({"done": before + count, "total": total, "rate": count / (time.monotonic() - began)})

    return tell


def _adopt(shard: Path, part: Path, folder: Path, filters: Filters) -> None:
    """Turn a shard into a part of its class, without the images that earlier parts have too."""
    rows, record = pd.read_parquet(shard / parts.SHARD_ROWS), records.read(shard / parts.SHARD_RECORD, PartRecord)
    again = filters.duplicates(rows["pixel_hash"].to_numpy())
    for name in rows["image_id"][~again]:
        file = f"images/{name}.png"
        # Moved, not linked: removing a hundred thousand second names takes longer than making as many images.
        with contextlib.suppress(FileNotFoundError):  # moved already, by a process that was killed
            (shard / file).rename(folder / file)
    if (shard / "rejected").exists():
        shutil.copytree(shard / "rejected", folder / "rejected", dirs_exist_ok=True)
    rejected = Counter(record.rejected)
    rejected["duplicate"] += int(again.sum())
    _leave(part, rows[~again].reset_index(drop=True), record.tried, +rejected)


def _make_part(
    part: Path,
    folder: Path,
    job: ResolvedJob,
    curator: Curator,
    indices: range,
    num_left: int,
    tell: Callable[[int], None],
) -> None:
    """Candidates of some indices, until `num_left` are accepted.

    Leaves the accepted ones in `images/` of the folder, their rows in `part`, and then a record beside it.
    """
    label, name = curator.label, job.name
    tables: list[dict[str, np.ndarray]] = []
    written: list[Future[list[str]]] = []
    rejected: Counter[str] = Counter()
    accepted = tried = 0
    with ThreadPoolExecutor(NUM_WRITERS) as writers:
        for number in range(indices.start // CHUNK, -(-indices.stop // CHUNK)):
            images, reasons, known = curator.chunk(number)
            chosen: list[int] = []
            for row in range(max(0, indices.start - number * CHUNK), min(CHUNK, indices.stop - number * CHUNK)):
                if accepted + len(chosen) == num_left:
                    break
                tried = number * CHUNK + row + 1
                if not (reason := reasons[row]):
                    chosen.append(row)
                    continue
                rejected[reason] += 1
                if indices.start == 0 and rejected[reason] <= NUM_EXAMPLES:
                    example = folder / "rejected" / reason / f"{image_id(label, tried - 1)}.png"
                    storage.write_bytes(example, _encode(images[row], name, label, tried - 1, curator))
            accepted += len(chosen)
            tables.append({name: values[chosen] for name, values in known.items()})
            written.append(writers.submit(_write, folder, images[chosen], name, label, tables[-1]["index"], curator))
            if len(written) > MAX_WAITING:
                written[-MAX_WAITING].result()
            tell(accepted)
            if accepted == num_left:
                break
    rows = pd.DataFrame({name: np.concatenate([table[name] for table in tables]) for name in tables[0]})
    height, width, channels = images.shape[1:]
    rows = rows.assign(
        image_id=[image_id(label, index) for index in rows["index"]],
        label=label,
        seed=job.generation.seed,
        model_sha256=curator.model.sha256,
        image_sha256=[digest for future in written for digest in future.result()],
        height=height,
        width=width,
        channels=channels,
        run_id=curator.run_id,
    )
    _leave(part, rows, tried, rejected)


def _leave(part: Path, rows: pd.DataFrame, tried: int, rejected: Counter[str]) -> None:
    """Write a part's rows, then its record, which makes it complete."""
    os.sync()  # the images must be on the disk before the record; one call for each would take half of the time
    storage.write_atomic(part, lambda file: rows.to_parquet(file, index=False))
    records.write(part.with_suffix(".json"), PartRecord(accepted=len(rows), tried=tried, rejected=dict(rejected)))


def _write(folder: Path, images: np.ndarray, job: str, label: str, indices: np.ndarray, curator: Curator) -> list[str]:
    """Write accepted images; returns the SHA-256 of their files."""
    digests = []
    for image, index in zip(images, indices, strict=True):
        png = _encode(image, job, label, index, curator)
        (folder / "images" / f"{image_id(label, index)}.png").write_bytes(png)
        digests.append(storage.sha256_bytes(png))
    return digests


def _encode(image: np.ndarray, job: str, label: str, index: int, curator: Curator) -> bytes:
    return encode(image, job=job, label=label, index=index, model_sha256=curator.model.sha256)


def _join(tables: Sequence[Path], file: Any) -> None:
    """Write the parts' tables as one, a row group each, without empty ones: they lack their columns' types."""
    tables = [part for part in tables if pq.read_metadata(part).num_rows] or tables[:1]
    with pq.ParquetWriter(file, pq.read_schema(tables[0])) as writer:
        for part in tables:
            table: pa.Table = pq.read_table(part)
            writer.write_table(table)
