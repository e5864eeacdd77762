"""How like the real images the synthetic ones are: measures beside their ceilings, and what may have leaked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcgan.run.records import ClassOutcome, LeakageSummary, LeakedPair, Measure, MeasuresSummary, MetricBounds

MAX_LISTED = 20  # leaked pairs that are named
ALL_CLASSES = "All classes"


@dataclass(frozen=True)
class Column:
    """What a measure is called, where it is good, and what it says."""

    title: str
    good: str
    """Such as "high" or "near 0"."""
    told: str
    is_share: bool = False
    """Whether it goes from 0 to 1."""
    has_bar: bool = True
    """Whether its length says something: not where it can lie on either side of 0."""


COLUMNS = {
    "kid": Column("KID", "low", "distance of the two distributions; 0 on average where they are the same"),
    "frechet": Column("Fréchet distance", "low", "distance of normal distributions fitted to both"),
    "manifold_precision": Column("Precision", "high", "share of synthetic images that lie among the real ones", True),
    "manifold_recall": Column("Recall", "high", "share of real images that lie among the synthetic ones", True),
    "density": Column("Density", "high", "how deep among the real images the synthetic ones lie"),
    "coverage": Column("Coverage", "high", "share of real images that have a synthetic one near", True),
    "variety": Column("Variety", "near 1", "how far two synthetic images are apart, by how far two real ones are"),
    "outlying": Column("Outlying", "low", "share of synthetic images that are unlike any real one", True),
    "authenticity": Column("Authenticity", "high", "share of synthetic images that are no near-copies", True),
    "distance_ratio": Column(
        "Distance ratio", "near 1", "distance to the nearest training image, by that to the nearest held-out one"
    ),
    "c_t": Column(
        "C_T",
        "near 0",
        "under \N{MINUS SIGN}3, they copy training images; above 3, they lie off",
        has_bar=False,
    ),
    "gan_train": Column("GAN-train", "high", "recall of real images, of a classifier of synthetic ones", True),
    "gan_test": Column("GAN-test", "high", "recall of synthetic images, of a classifier of real ones", True),
}
"""By metric, those that are known, in the order in which they are shown. Others are shown under their own names."""


@dataclass(frozen=True)
class Cell:
    """One measure of one class; what is no number is None."""

    value: float | None
    error: float | None
    ceiling: float | None
    at: float | None
    """Place of the value on the bar, 0 to 1."""
    ceiling_at: float | None


@dataclass(frozen=True)
class Row:
    """One class, or all of them."""

    label: str
    is_all: bool
    cells: list[Cell | None]
    """One for each column; None: not measured."""


@dataclass(frozen=True)
class Note:
    """What is to be told of a measure, and of which classes."""

    title: str
    note: str
    labels: list[str]


@dataclass(frozen=True)
class MeasureTable:
    """The measures of all classes."""

    columns: list[Column]
    rows: list[Row]
    notes: list[Note]
    features: str | None
    """What the measures are taken in, in words."""


def measure_table(classes: Mapping[str, Mapping[str, Measure]], whole: MeasuresSummary) -> MeasureTable | None:
    """The measures of all classes as a table; None when nothing was measured.

    Args:
        classes: measures by class and metric.
        whole: the same over all classes, and what metrics and features are.
    """
    measured = [(ALL_CLASSES, whole.overall), *classes.items()]
    names = {name for _, measures in measured for name in measures}
    columns = [name for name in COLUMNS if name in names] + sorted(names - set(COLUMNS))
    if not columns:
        return None
    known = {
        name: COLUMNS.get(name) or Column(name.replace("_", " "), _good(whole.metrics.get(name)), "")
        for name in columns
    }
    ends = {
        name: _end(known[name], [measures[name] for _, measures in measured if name in measures]) for name in columns
    }
    rows = [
        Row(label, number == 0, [_cell(measures.get(name), ends[name]) for name in columns])
        for number, (label, measures) in enumerate(measured)
        if measures
    ]
    features = whole.features
    return MeasureTable(
        columns=[known[name] for name in columns],
        rows=rows,
        notes=_notes(measured, known),
        features=f"{features.name}, {features.dimensions} dimensions" if features else None,
    )


def _good(metric: MetricBounds | None) -> str:
    """Where a metric is good, from its declared goal."""
    if metric is None:
        return ""
    return {"minimize": "low", "maximize": "high"}.get(str(metric.goal), f"near {metric.goal}")


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _end(column: Column, measures: Sequence[Measure]) -> float:
    """Where the bars of a measure end."""
    values = [abs(_finite(number) or 0.0) for measure in measures for number in (measure.value, measure.ceiling)]
    return 1.0 if column.is_share else max([*values, 1e-9])


def _cell(measure: Measure | None, end: float) -> Cell | None:
    if measure is None:
        return None
    value, error, ceiling = map(_finite, (measure.value, measure.error, measure.ceiling))
    return Cell(
        value=value,
        error=error,
        ceiling=ceiling,
        at=None if value is None else _clip(value / end),
        ceiling_at=None if ceiling is None else _clip(ceiling / end),
    )


def _clip(place: float) -> float:
    return min(max(place, 0.0), 1.0)


def _notes(measured: Sequence[tuple[str, Mapping[str, Measure]]], known: Mapping[str, Column]) -> list[Note]:
    """Notes that say the same of a measure, with the classes that they are about."""
    labels: dict[tuple[str, str], list[str]] = {}
    for label, measures in measured:
        for name, measure in measures.items():
            if measure.note:
                labels.setdefault((name, measure.note), []).append(label)
    return [Note(known[name].title, note, told) for (name, note), told in labels.items()]


@dataclass(frozen=True)
class Leakage:
    """Near duplicates among the real images, which make held-out ones no evidence."""

    pairs: dict[str, int]
    """By kind."""
    classes: dict[str, ClassOutcome]
    """Those that lose held-out images."""
    examples: list[LeakedPair]
    count: int
    """Of the examples that there are."""


def leakage_view(found: LeakageSummary, classes: Mapping[str, ClassOutcome]) -> Leakage | None:
    """What is shown of near duplicates; None when nobody has looked."""
    if found.pairs is None:
        return None
    losing = {label: outcome for label, outcome in classes.items() if outcome.leaked}
    return Leakage(found.pairs, losing, found.examples[:MAX_LISTED], len(found.examples))
