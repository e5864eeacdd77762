"""What metrics look at: the images of one class or of all pooled, and the whole of which they are a part."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import numpy as np

from dcgan.config import ResolvedJob
from dcgan.execution import randomness
from dcgan.execution.progress import OnProgress

T = TypeVar("T")


@dataclass(frozen=True)
class Sample:
    """Images of one kind, and where they lie in the feature space."""

    images: np.ndarray
    """uint8 (N, H, W, C)."""
    features: np.ndarray
    """float64 (N, D), each value about 1 on the whole."""

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: np.ndarray) -> Sample:
        return Sample(self.images[rows], self.features[rows])


@dataclass(frozen=True, kw_only=True)
class _Remembers:
    """Remembers what was computed from it."""

    _found: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, compute: Callable[[Self], T]) -> T:
        """What `compute` gives for this, computed once however many metrics ask for it."""
        if compute not in self._found:
            self._found[compute] = compute(self)
        found: T = self._found[compute]
        return found


@dataclass(frozen=True, kw_only=True)
class Whole(_Remembers):
    """The images of all classes that have training images, in the order of the classes."""

    job: ResolvedJob
    labels: Sequence[str]
    train: Sequence[Sample]
    holdout: Sequence[Sample]
    """Without near duplicates of training images."""
    synthetic: Sequence[Sample | None]
    """None: the class has none."""
    on_progress: OnProgress
    """For what takes long."""

    @property
    def generated(self) -> list[str]:
        """The classes that have synthetic images."""
        return [label for label, made in zip(self.labels, self.synthetic, strict=True) if made is not None]

    @functools.cached_property
    def train_features(self) -> np.ndarray:
        """Of all classes, (N, D)."""
        return np.concatenate([of_class.features for of_class in self.train])

    @functools.cached_property
    def holdout_features(self) -> np.ndarray:
        """Of all classes, (M, D)."""
        return np.concatenate([of_class.features for of_class in self.holdout])


@dataclass(frozen=True, kw_only=True)
class Subject(_Remembers):
    """What a metric is measured of: one class, or all classes pooled."""

    whole: Whole
    label: str
    """Class name; "" for all classes pooled."""
    train: Sample
    holdout: Sample
    synthetic: Sample

    def draws(self, name: str) -> np.random.Generator:
        """Fresh draws from the stream of this name: what one metric draws changes no other's value.

        Args:
            name: the metric's, or that of what several metrics share.
        """
        return randomness.generator(self.whole.job.generation.seed, self.label, f"measure: {name}")
