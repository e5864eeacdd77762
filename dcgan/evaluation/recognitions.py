"""How clearly the classifiers of all arms recognised the held-out images."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dcgan.config.gate import GateConfig
from dcgan.evaluation import arms
from dcgan.evaluation.arms import CLASSICAL, WITH, WITHOUT
from dcgan.files import storage
from dcgan.run.paths import Run
from dcgan.run.records import Recipe, RecipeRecord

SMOOTHING = 0.2
"""Width of the border between right and wrong, as a share of the margin that is typical of the classifiers. Where it is
0, nothing is smoothed. At 0.2, differences between arms are as large as those of recall, and their intervals a third
narrower (benchmarks/RESULTS.md, on the gate's errors)."""


def margins(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """By how much the logit of the right class exceeds the highest of another: above 0, the image is recognised.

    Args:
        logits: (..., N, K).
        truth: class numbers (N,).

    Returns:
        (..., N), of the type of `logits`.
    """
    is_right = np.arange(logits.shape[-1]) == truth[:, None]
    found: np.ndarray = logits[..., is_right] - np.where(is_right, -np.inf, logits).max(-1)
    return found


def smoothed(margins: np.ndarray) -> np.ndarray:
    """How clearly images are recognised, 0 to 1: float64 of the same shape; 0.5 on the border between two classes.

    Recall counts images as right or wrong, so it jumps by a whole image when one crosses the border, and is as noisy as
    few images are. Here images near the border count in part. Margins are measured by their median, so that classifiers
    that are merely more confident are not taken for better ones.

    Args:
        margins: of classifiers that were trained alike (seeds, N), or of one (N,).
    """
    typical = max(float(np.median(np.abs(margins))), float(np.finfo(np.float32).tiny))
    clear: np.ndarray = (1 + np.tanh(margins / (2 * SMOOTHING * typical))) / 2  # the logistic function
    return clear


@dataclass(frozen=True)
class Recognitions:
    """How clearly the classifiers of all arms recognised the held-out images."""

    margins: Mapping[str, np.ndarray]
    """By arm: see `margins`, (seeds, images)."""
    recipes: Mapping[str, Recipe]
    """By arm."""
    truth: np.ndarray
    """Class numbers (images,)."""
    synthetic: np.ndarray
    """Synthetic images by class (K,)."""

    @property
    def without(self) -> str:
        """The arm that differs from `WITH` only in the synthetic images."""
        return WITHOUT if WITHOUT in self.margins else CLASSICAL

    @functools.cached_property
    def tested(self) -> list[int]:
        """The classes that have held-out images."""
        return [number for number in range(len(self.synthetic)) if self.holdout(number)]

    def holdout(self, number: int) -> int:
        """Held-out images of a class."""
        return int((self.truth == number).sum())

    def gain(self, arm: str, other: str, number: int) -> np.ndarray:
        """What `arm` adds to smoothed recall over the other, for each image of a class: (seeds, n), -1 to 1."""
        of_class = self.truth == number
        found: np.ndarray = self._clear[arm][:, of_class] - self._clear[other][:, of_class]
        return found

    def recall(self, arm: str, numbers: Sequence[int]) -> list[float]:
        """Mean recall of some classes, seed by seed; empty if there are no such classes."""
        if not numbers:
            return []
        return [rounded(np.mean([row[self.truth == n].mean() for n in numbers])) for row in self.margins[arm] > 0]

    @functools.cached_property
    def _clear(self) -> dict[str, np.ndarray]:
        return {arm: smoothed(of_arm) for arm, of_arm in self.margins.items()}


def read_recognitions(run: Run, gate: GateConfig, recipe: RecipeRecord) -> Recognitions:
    """Read the results of `utility.measure`."""
    recipes = arms.recipes(gate, recipe)
    found: dict[str, list[dict[str, np.ndarray]]] = {arm: [] for arm in recipes}
    for number, (_, arm) in enumerate(arms.compared(gate.classifier_seeds)):
        if arm in found:
            found[arm].append(storage.unpack_arrays(run.compared(number).read_bytes()))
    of_arms = {arm: np.stack([arrays["margin"] for arrays in seeds]) for arm, seeds in found.items()}
    return Recognitions(of_arms, recipes, found[WITH][0]["truth"], found[WITH][0]["synthetic"])


def rounded(value: float | np.floating[Any]) -> float:
    """To four decimals, as in records."""
    return round(float(value), 4)
