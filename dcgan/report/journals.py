"""How the trainings went: losses and scores by step, as their journals have them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan.errors import StorageError
from dcgan.run import records
from dcgan.run.records import TrainingRecord


@dataclass(frozen=True)
class Journal:
    """One training, along the way that led to its end: steps that were taken back are left out."""

    losses: list[dict[str, float]]
    """Rows with `step`, `d_loss`, `g_loss`."""
    scores: list[dict[str, float]]
    """Rows with `step`, `score`; the lower, the better. None for the shared base."""
    shipped_step: int | None


def read_journal(folder: Path) -> Journal:
    """Read what a training's folder holds; what is missing or half-written is left out."""
    losses = _way(_rows(_lines(folder / "training.jsonl"), ("step", "d_loss", "g_loss")))
    try:
        record = records.read(folder / "record.json", TrainingRecord)
    except StorageError:
        return Journal(losses, [], None)
    scores = _way({"step": float(one.step), "score": one.score} for one in record.scores)
    return Journal(losses, scores, record.shipped_step)


def _lines(file: Path) -> Iterable[Any]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:  # half a line: the process died as it wrote
            return


def _rows(entries: Iterable[Any], keys: Sequence[str]) -> list[dict[str, float]]:
    rows = []
    for entry in entries:
        try:
            row = {key: float(entry[key]) for key in keys}
        except (KeyError, TypeError, ValueError):
            break
        if all(map(math.isfinite, row.values())):
            rows.append(row)
    return rows


def _way(rows: Iterable[dict[str, float]]) -> list[dict[str, float]]:
    """Rows of growing step: after an incident, training went back, and what it left behind is dropped."""
    way: list[dict[str, float]] = []
    for row in rows:
        while way and way[-1]["step"] >= row["step"]:
            way.pop()
        way.append(row)
    return way
