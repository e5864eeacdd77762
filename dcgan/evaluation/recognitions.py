"""Which held-out images the classifiers of all arms recognised."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.config.gate import GateConfig
from dcgan.evaluation import arms
from dcgan.evaluation.arms import CLASSICAL, WITH, WITHOUT
from dcgan.files import storage
from dcgan.run.paths import Run
from dcgan.run.records import Recipe, RecipeRecord


@dataclass(frozen=True)
class Recognitions:
    """Which held-out images the classifiers of all arms recognised."""

    right: Mapping[str, np.ndarray]
    """By arm, whether each image was recognised, 0 or 1: float64 (seeds, images)."""
    recipes: Mapping[str, Recipe]
    """By arm."""
    truth: np.ndarray
    """Class numbers (images,)."""
    synthetic: np.ndarray
    """Synthetic images by class (K,)."""

    @property
    def without(self) -> str:
        """The arm that differs from `WITH` only in the synthetic images."""
        return WITHOUT if WITHOUT in self.right else CLASSICAL

    @functools.cached_property
    def tested(self) -> list[int]:
        """The classes that have held-out images."""
        return [number for number in range(len(self.synthetic)) if self.holdout(number)]

    def holdout(self, number: int) -> int:
        """Held-out images of a class."""
        return int((self.truth == number).sum())

    def of_class(self, arm: str, number: int) -> np.ndarray:
        """`right` of the images of one class: (seeds, n)."""
        of_class: np.ndarray = self.right[arm][:, self.truth == number]
        return of_class

    def mean_recall(self, arm: str, numbers: Sequence[int]) -> list[float]:
        """Mean recall of some classes, seed by seed; empty if there are no such classes."""
        if not numbers:
            return []
        return [rounded(np.mean([row[self.truth == n].mean() for n in numbers])) for row in self.right[arm]]


def read_recognitions(run: Run, gate: GateConfig, recipe: RecipeRecord) -> Recognitions:
    """Read the results of `utility.measure`."""
    recipes = arms.recipes(gate, recipe)
    found: dict[str, list[dict[str, np.ndarray]]] = {arm: [] for arm in recipes}
    for number, (_, arm) in enumerate(arms.compared(gate.classifier_seeds)):
        if arm in found:
            found[arm].append(storage.unpack_arrays(run.compared(number).read_bytes()))
    right = {arm: np.stack([arrays["right"] for arrays in seeds]).astype(float) for arm, seeds in found.items()}
    return Recognitions(right, recipes, found[WITH][0]["truth"], found[WITH][0]["synthetic"])


def rounded(value: float) -> float:
    """To four decimals, as in records."""
    return round(float(value), 4)
