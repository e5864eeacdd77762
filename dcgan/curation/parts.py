"""The parts in which a class's candidates are examined, among them those of an earlier run, and shards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dcgan.files import storage
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import GenerationRecord, PartRecord

MAX_TRIES = 20  # candidates per wanted image; a class that needs more is short: standards are not lowered
PART = 4096  # candidates: some seconds of work, and a multiple of `generation.model.CHUNK`
# A class of at least this many complete parts is made side by side. At 64 x 64 pixels, two processes then take two
# thirds of the time of one. At 28 x 28 they take longer, since one process keeps two cores busy.
SHARDS_MIN = 8
SHARD_ROWS, SHARD_RECORD = "rows.parquet", "rows.json"  # in a shard's folder, beside its images
EARLIER = "earlier"  # name of that part; the others are numbered
UNRECORDED = "not recorded"  # reason for a rejection that the earlier run did not record image by image


@dataclass(frozen=True)
class Shard:
    """A complete part of a class's candidates, made independently of the others, by any process of any machine."""

    label: str
    """Class name."""
    first: int
    """Index of its first candidate."""


def shards(run: Run, label: str, num_wanted: int) -> list[Shard]:
    """The parts that are needed in full, however many candidates are accepted; none for a class of few parts.

    Args:
        run: its folder.
        label: class name.
        num_wanted: images of the class.
    """
    first, left = 0, num_wanted
    if (earlier := earlier_part(run.generation(label)).with_suffix(".json")).exists():
        record = records.read(earlier, PartRecord)
        first, left = record.tried, num_wanted - record.accepted
    count = left // PART
    return [Shard(label, first + number * PART) for number in range(count)] if count >= SHARDS_MIN else []


def lay_out(source: Path, target: Path, rows: pd.DataFrame) -> None:
    """Give a generation's folder the images of the first rows of another one; `collect` continues after the last.

    Args:
        source: the other one, whole.
        target: empty.
        rows: of the source's `rows.parquet`, its first.
    """
    record = records.read(source / "record.json", GenerationRecord)
    (target / "images").mkdir()
    for name in rows["image_id"]:
        storage.link(source / "images" / f"{name}.png", target / "images" / f"{name}.png")
    if (source / "rejected").exists():
        (target / "rejected").mkdir()
        storage.link_tree(source / "rejected", target / "rejected")
    tried, rejected = record.tried, record.rejected
    if len(rows) < record.accepted:  # which candidates were rejected before the last of these, and why, is not kept
        tried = int(rows["index"].max()) + 1 if len(rows) else 0
        rejected = {UNRECORDED: tried - len(rows)} if tried > len(rows) else {}
    part = earlier_part(target)
    storage.write_atomic(part, lambda file: rows.to_parquet(file, index=False))
    records.write(part.with_suffix(".json"), PartRecord(accepted=len(rows), tried=tried, rejected=rejected))


def earlier_part(generation: Path) -> Path:
    """Where a class's generation has the part of an earlier run."""
    return generation / "parts" / f"{EARLIER}.parquet"
