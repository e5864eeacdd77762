"""What a filter is: thresholds from a class's real images, and the candidates that these reject."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from dcgan.data.distances import neighbour_distances

Limits = Mapping[str, float]
"""Thresholds by name, as they are recorded."""


@dataclass(frozen=True)
class RealImages:
    """One class's real images, from which thresholds are derived."""

    images: np.ndarray
    """Training images, uint8 (n, H, W, C), n at least 2."""
    features: np.ndarray
    """Their features by the judge, float32 (n, F)."""
    held_out: np.ndarray
    """Held-out images, uint8 (m, H, W, C); used only for what a single real image can look like."""
    other_class: np.ndarray | None
    """`Candidates.other_class` of the training images, float32 (n,); None: not measured."""

    @functools.cached_property
    def pixel_distances(self) -> np.ndarray:
        """Of each training image to the nearest other one, root mean square of pixels in [0, 1]: (n,)."""
        return _neighbours(flat(self.images))

    @functools.cached_property
    def feature_distances(self) -> np.ndarray:
        """The same in the judge's features: (n,)."""
        return _neighbours(self.features)

    @property
    def every_image(self) -> list[np.ndarray]:
        """Training and held-out images, uint8 (H, W, C) each."""
        return [*self.images, *self.held_out]


@dataclass(frozen=True)
class Candidates:
    """Candidates of one class, in the order of their indices, with what was measured of each."""

    images: np.ndarray
    """uint8 (N, H, W, C)."""
    pixel_distances: np.ndarray
    """To the nearest real training image, root mean square of pixels in [0, 1]: float32 (N,)."""
    feature_distances: np.ndarray
    """The same in the judge's features: float32 (N,)."""
    other_class: np.ndarray
    """The highest probability of another class, by classifiers that have not seen all real images: float32 (N,)."""
    critic_scores: np.ndarray | None = None
    """The discriminator's logits, float32 (N,); None if they are not used."""

    @functools.cached_property
    def hashes(self) -> list[int]:
        """`pixel_hash` of each image."""
        return [pixel_hash(image) for image in self.images]


def _no_limits(_: RealImages) -> dict[str, float]:
    return {}


def _none(candidates: Candidates, _: Limits) -> np.ndarray:
    return np.zeros(len(candidates.images), bool)


@dataclass(frozen=True)
class Filter:
    """One reason to reject a candidate."""

    name: str
    """In `curation.filters`, and as the reason in counts."""
    rejects_what: str
    """What it rejects, for people."""
    limits: Callable[[RealImages], dict[str, float]] = _no_limits
    """Its thresholds, as they are recorded."""
    rejects: Callable[[Candidates, Limits], np.ndarray] = _none
    """Which candidates it rejects, bool (N,)."""
    by_itself: bool = False
    """Whether it looks at nothing but the candidate, so that `dcgan sample` can apply it without the real images."""
    needs_folds: bool = False
    """Whether it needs `other_class`, for which several judges must look at every candidate."""


def pixel_hash(image: np.ndarray) -> int:
    """A 64-bit hash of an image's pixels; of a million images, two differ and share one in 1 of 37 million cases."""
    return int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest(), "little", signed=True)


def flat(images: np.ndarray) -> np.ndarray:
    """Images uint8 (N, H, W, C) as vectors of their values in [0, 1]: float32 (N, H * W * C)."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


def _neighbours(vectors: np.ndarray) -> np.ndarray:
    distances: np.ndarray = neighbour_distances(vectors, 1) / math.sqrt(vectors.shape[1])
    return distances
