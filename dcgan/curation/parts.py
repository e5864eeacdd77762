"""A class's images of an earlier run, as the first part of a set that is to hold more of them, or fewer."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dcgan import storage

EARLIER = "earlier"  # name of that part; the others are numbered
UNTOLD = "not told"  # rejected for a reason that the earlier run did not tell image by image


def lay_out(source: Path, target: Path, rows: pd.DataFrame) -> None:
    """Give a generation's folder the images of the first rows of another; `collect` goes on after the last of them.

    Args:
        source: the other one, whole.
        target: empty.
        rows: of the source's `rows.parquet`, its first.
    """
    record = storage.read_json(source / "record.json")
    (target / "images").mkdir()
    for name in rows["image_id"]:
        storage.link(source / "images" / f"{name}.png", target / "images" / f"{name}.png")
    if (source / "rejected").exists():
        (target / "rejected").mkdir()
        storage.link_tree(source / "rejected", target / "rejected")
    tried, rejected = record["tried"], record["rejected"]
    if len(rows) < record["accepted"]:  # which candidates were rejected before the last of these, and why, is not kept
        tried = int(rows["index"].max()) + 1 if len(rows) else 0
        rejected = {UNTOLD: tried - len(rows)} if tried > len(rows) else {}
    part = target / "parts" / f"{EARLIER}.parquet"
    storage.write_atomic(part, lambda file: rows.to_parquet(file, index=False))
    storage.write_json(part.with_suffix(".json"), {"accepted": len(rows), "tried": tried, "rejected": rejected})
