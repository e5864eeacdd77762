"""What a metric is, what comes of measuring it, and the statistics that several metrics share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, TypeVar

import numpy as np

from dcgan.evaluation.metrics.subject import Subject
from dcgan.run.records import Measure, MetricBounds

R = TypeVar("R")

Goal = Literal["minimize", "maximize"] | float
"""Which way is better; a number is a target."""

NUM_GROUPS = 10  # of the jackknife


@dataclass(frozen=True)
class Measured:
    """One value of a metric."""

    value: float | None
    """None: it could not be measured, and the note says why."""
    error: float | None = None
    """Standard error of the value. None where none is known."""
    ceiling: float | None = None
    """The same metric of other real images in the synthetic ones' place: what perfect images would come to."""
    note: str = ""
    """Why there is no value, or with what caution to read it."""

    def beside(self, real: Measured) -> Measured:
        """The same, with what real images come to as its ceiling."""
        return dataclasses.replace(self, ceiling=real.value)

    def record(self) -> Measure:
        """What is written of it, rounded to six decimals."""
        value, error, ceiling = (
            None if number is None else round(float(number), 6) for number in (self.value, self.error, self.ceiling)
        )
        return Measure(value=value, error=error, ceiling=ceiling, note=self.note)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A quantity that is measured of synthetic images. All that is said of it anywhere comes from here."""

    name: str
    """Its key in `measures.json` and `release.json`, and the name of its stream of draws."""
    title: str
    """What the report calls it."""
    says: str
    """What its value means: a phrase that the report shows beside the title."""
    goal: Goal
    low: float | None
    """The least value that it can have. None: it has no bound."""
    high: float | None
    """The greatest value that it can have. None: it has no bound."""
    measure: Callable[[Subject], Measured]
    """Its value, with its ceiling where there is one."""
    pooled: bool = False
    """Whether over all classes it is measured on their images pooled; if not, it is the mean of the classes."""
    in_log: bool = False
    """Whether it is in the line that a run prints when the measures are taken."""

    @property
    def good(self) -> str:
        """Where its values are good: "low", "high" or "near 1"."""
        return good(self.goal)

    @property
    def is_share(self) -> bool:
        """Whether it goes from 0 to 1."""
        return (self.low, self.high) == (0.0, 1.0)

    @property
    def has_length(self) -> bool:
        """Whether a bar can stand for its value: not if it may lie on either side of its goal without a bound."""
        return not isinstance(self.goal, float) or self.low is not None

    def record(self) -> MetricBounds:
        """What is written of it."""
        return MetricBounds(goal=self.goal, low=self.low, high=self.high)

    def in_words(self, measure: Measure) -> str:
        """Its value, and in brackets that of real images: `coverage 0.912 (0.967)`; "" if it was not measured."""
        if measure.value is None:
            return ""
        beside = "" if measure.ceiling is None else f" ({measure.ceiling:.3f})"
        return f"{self.name} {measure.value:.3f}{beside}"


def good(goal: Goal) -> str:
    """Where the values of a metric with this goal are good, for people."""
    return {"minimize": "low", "maximize": "high"}.get(str(goal)) or f"near {goal:g}"


def beside_training(
    subject: Subject, name: str, compare: Callable[[np.ndarray, np.ndarray, np.random.Generator], Measured]
) -> Measured:
    """What synthetic features come to beside held-out ones, and as its ceiling what training features come to.

    Arguments as of `beside_holdout`.
    """
    made, real = beside_holdout(subject, name, compare)
    return made.beside(real)


def beside_holdout(
    subject: Subject, name: str, compare: Callable[[np.ndarray, np.ndarray, np.random.Generator], R]
) -> tuple[R, R]:
    """What synthetic features come to beside held-out ones, and what training features come to.

    Most comparisons depend on the number of images: as many training images are compared as synthetic ones.

    Args:
        subject: whose images are compared.
        name: of the metric or its family, for its draws.
        compare: from held-out features (N, D), the others (M, D), and draws.
    """
    draws, holdout = subject.draws(name), subject.holdout.features
    size = min(len(subject.train), len(subject.synthetic))
    made, real = (
        compare(holdout, drawn(others.features, size, draws), draws) for others in (subject.synthetic, subject.train)
    )
    return made, real


def withheld(reason: str) -> Measured:
    """No value, and why."""
    return Measured(None, note=reason)


def share(hits: np.ndarray) -> Measured:
    """The share of a boolean array (N,), N at least 1, that is true.

    The standard error is that of two more hits and two more misses (Agresti and Coull 1998): never 0, however few they
    are.
    """
    count = len(hits)
    nearer = (hits.sum() + 2) / (count + 4)
    return Measured(float(hits.mean()), math.sqrt(nearer * (1 - nearer) / (count + 4)))


def jackknife(value: Callable[[np.ndarray, np.ndarray], float], a: np.ndarray, b: np.ndarray) -> float | None:
    """Standard error of `value(a, b)`, from leaving out each of `NUM_GROUPS` groups of either's rows in turn.

    None where there are no more rows than groups.
    """
    if min(len(a), len(b)) <= NUM_GROUPS:
        return None
    left_out = [value(*(_without(rows, group) for rows in (a, b))) for group in range(NUM_GROUPS)]
    return math.sqrt((NUM_GROUPS - 1) * np.var(left_out))


def mean(parts: Sequence[Measured]) -> Measured:
    """Mean of what several classes came to, each of them alike, of those that have a value; their ceilings likewise."""
    values = [part.value for part in parts if part.value is not None]
    if not values:
        return withheld(parts[0].note if parts else "no class has synthetic images")
    error = math.sqrt(sum((part.error or 0) ** 2 for part in parts if part.value is not None)) / len(values)
    ceilings = [part.ceiling for part in parts if part.value is not None and part.ceiling is not None]
    missing = len(parts) - len(values)
    note = f"without {missing} of {len(parts)} classes" if missing else ""
    return Measured(fmean(values), error, fmean(ceilings) if ceilings else None, note)


def drawn(points: np.ndarray, size: int, draws: np.random.Generator) -> np.ndarray:
    """`size` different points of (N, D), in their order; all of them, without a draw, when there are just so many."""
    if len(points) == size:
        return points
    return points[np.sort(draws.choice(len(points), size, replace=False))]


def _without(rows: np.ndarray, group: int) -> np.ndarray:
    kept: np.ndarray = rows[np.arange(len(rows)) % NUM_GROUPS != group]
    return kept
