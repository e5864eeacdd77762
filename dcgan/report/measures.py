"""How like the real images the synthetic ones are: measures beside their ceilings, and what may have leaked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_LISTED = 20  # leaked pairs that are named
ALL_CLASSES = "All classes"


@dataclass(frozen=True)
class Measure:
    """What a measure is called, where it is good, and what it says."""

    title: str
    good: str
    """Such as "high" or "near 0"."""
    told: str
    is_share: bool = False
    """Whether it goes from 0 to 1."""
    has_bar: bool = True
    """Whether its length says something: not where it can lie on either side of 0."""


MEASURES = {
    "kid": Measure("KID", "low", "distance of the two distributions; 0 on average where they are the same"),
    "frechet": Measure("Fréchet distance", "low", "distance of normal distributions fitted to both"),
    "manifold_precision": Measure("Precision", "high", "share of synthetic images that lie among the real ones", True),
    "manifold_recall": Measure("Recall", "high", "share of real images that lie among the synthetic ones", True),
    "density": Measure("Density", "high", "how deep among the real images the synthetic ones lie"),
    "coverage": Measure("Coverage", "high", "share of real images that have a synthetic one near", True),
    "variety": Measure("Variety", "near 1", "how far two synthetic images are apart, by how far two real ones are"),
    "outlying": Measure("Outlying", "low", "share of synthetic images that are unlike any real one", True),
    "authenticity": Measure("Authenticity", "high", "share of synthetic images that are no near-copies", True),
    "distance_ratio": Measure(
        "Distance ratio", "near 1", "distance to the nearest training image, by that to the nearest held-out one"
    ),
    "c_t": Measure(
        "C_T",
        "near 0",
        "under \N{MINUS SIGN}3, they copy training images; above 3, they lie off",
        has_bar=False,
    ),
    "gan_train": Measure("GAN-train", "high", "recall of real images, of a classifier of synthetic ones", True),
    "gan_test": Measure("GAN-test", "high", "recall of synthetic images, of a classifier of real ones", True),
}
"""Those that are known, in the order in which they are shown. Others are shown under their own names."""


def measure_table(classes: Sequence[Mapping[str, Any]], record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The measures of all classes as a table.

    Args:
        classes: each with `label`, and `measures`; those that are mappings count, with `value`, `error`, `ceiling` and
            `note`, each of which may be missing or None.
        record: `outcome["measures"]`: `overall`, the same over all classes; the `features` that they are measured in;
            and the goal of each of the `metrics`.

    Returns:
        `columns` (Measure), `rows` (label, whether it `is_all` classes, and a cell or None per column), `notes`
        (measure, note, labels) and `features`, in words or None. None when nothing was measured. A cell has the
        numbers, and the places of value and ceiling on its bar, 0 to 1.
    """
    record = record or {}
    measured = [(entry["label"], _measures(entry["measures"])) for entry in classes]
    measured = [(ALL_CLASSES, _measures(record.get("overall") or {})), *measured]
    names = {name for _, measures in measured for name in measures}
    columns = [name for name in MEASURES if name in names] + sorted(names - set(MEASURES))
    if not columns:
        return None
    goals = record.get("metrics") or {}
    known = {
        name: MEASURES.get(name) or Measure(name.replace("_", " "), _good(goals.get(name)), "") for name in columns
    }
    ends = {name: _end(known[name], [measures.get(name) or {} for _, measures in measured]) for name in columns}
    rows = [
        {
            "label": label,
            "is_all": number == 0,
            "cells": [_cell(measures.get(name), ends[name]) for name in columns],
        }
        for number, (label, measures) in enumerate(measured)
        if measures
    ]
    features = record.get("features") or {}
    return {
        "columns": [known[name] for name in columns],
        "rows": rows,
        "notes": _notes(measured, known),
        "features": f"{features['name']}, {features['dimensions']} dimensions" if features else None,
    }


def _good(metric: Mapping[str, Any] | None) -> str:
    """Where a metric is good, from its declared goal."""
    goal = (metric or {}).get("goal")
    return {"minimize": "low", "maximize": "high", None: ""}.get(goal, f"near {goal}")


def _measures(measures: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {name: entry for name, entry in measures.items() if isinstance(entry, Mapping) and "value" in entry}


def _number(value: object) -> float | None:
    """A finite number, or None for whatever else stands there."""
    number = float(value) if isinstance(value, int | float) else math.nan
    return number if math.isfinite(number) else None


def _end(measure: Measure, entries: Sequence[Mapping[str, Any]]) -> float:
    """Where the bars of a measure end."""
    values = [abs(_number(entry.get(key)) or 0.0) for entry in entries for key in ("value", "ceiling")]
    return 1.0 if measure.is_share else max([*values, 1e-9])


def _cell(entry: Mapping[str, Any] | None, end: float) -> dict[str, Any] | None:
    if entry is None:
        return None
    value, error, ceiling = (_number(entry.get(key)) for key in ("value", "error", "ceiling"))
    return {
        "value": value,
        "error": error,
        "ceiling": ceiling,
        "at": None if value is None else _clip(value / end),
        "ceiling_at": None if ceiling is None else _clip(ceiling / end),
    }


def _clip(place: float) -> float:
    return min(max(place, 0.0), 1.0)


def _notes(measured: Sequence[tuple[str, Mapping[str, Any]]], known: Mapping[str, Measure]) -> list[dict[str, Any]]:
    """Notes that say the same of a measure, with the classes that they are about."""
    labels: dict[tuple[str, str], list[str]] = {}
    for label, measures in measured:
        for name, entry in measures.items():
            if note := entry.get("note"):
                labels.setdefault((name, str(note)), []).append(label)
    return [{"title": known[name].title, "note": note, "labels": told} for (name, note), told in labels.items()]


def leakage_view(record: Mapping[str, Any] | None, classes: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Near duplicates among the real images, which make held-out ones no evidence.

    Args:
        record: `outcome["leakage"]`: number of `pairs` by kind, and `examples` of them.
        classes: each with `label` and `leaked`, its held-out images that do not count.

    Returns:
        `pairs`, `classes` that lose held-out images, and `examples`; None when nobody has looked.
    """
    if not record or record.get("pairs") is None:
        return None
    examples = list(record.get("examples") or [])
    return {
        "pairs": dict(record["pairs"]),
        "classes": [entry for entry in classes if entry["leaked"]],
        "examples": examples[:MAX_LISTED],
        "count": len(examples),
    }
