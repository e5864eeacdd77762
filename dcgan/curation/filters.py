"""What makes a candidate unfit, and from what the thresholds are taken: the class's own real images."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.distances import neighbour_distances

BLANK_SHARE = 0.25  # of the flattest real image's contrast: no real image is nearly as empty
COPY_SHARE = 0.5  # of the distance that the closest real images have from each other
CLOSEST = 0.05  # which are the closest: this share of the real images, by distance to their nearest neighbour
OUTLIER_FACTOR = 1.5  # times the largest distance of a real image to its nearest neighbour
SURE_MIN, SURE_QUANTILE = 0.5, 0.99  # a classifier is sure when it is surer than of so many real images of the class


@dataclass(frozen=True)
class Candidates:
    """Candidates of one class, in the order of their indices, and what is known of them."""

    images: np.ndarray
    """uint8 (N, H, W, C)."""
    pixel_distances: np.ndarray
    """To the nearest real training image, root mean square of pixels in [0, 1]: float32 (N,)."""
    feature_distances: np.ndarray
    """The same in the judge's features: float32 (N,)."""
    other_class: np.ndarray
    """The highest probability of another class, by classifiers that have not seen all real images: float32 (N,)."""
    critic_scores: np.ndarray | None = None
    """The discriminator's logits, float32 (N,); None when candidates are not chosen by them."""

    @functools.cached_property
    def hashes(self) -> list[int]:
        """`pixel_hash` of each image."""
        return [pixel_hash(image) for image in self.images]


def thresholds(
    images: np.ndarray, features: np.ndarray, held_out: np.ndarray, other_class: np.ndarray | None
) -> dict[str, float]:
    """Thresholds of one class, to be recorded.

    Args:
        images: real training images, uint8 (n, H, W, C), n at least 2.
        features: the judge's of them, float32 (n, F).
        held_out: held-out real images, uint8 (m, H, W, C): they only say how empty a real image can be.
        other_class: `Candidates.other_class` of the real training images, (n,); None: not measured.

    Returns:
        `blank`: standard deviation of all values, 0 to 127.5; `copy_pixels`, `copy_features`, `outlier`: distances;
        `label`: a probability, 1 when it was not measured.
    """
    pixel_distances, feature_distances = (
        neighbour_distances(vectors, 1) / math.sqrt(vectors.shape[1]) for vectors in (flat(images), features)
    )
    sure = 1.0 if other_class is None else max(SURE_MIN, float(np.quantile(other_class, SURE_QUANTILE)))
    return {
        "blank": float(BLANK_SHARE * min(image.std() for image in (*images, *held_out))),
        "copy_pixels": float(COPY_SHARE * np.quantile(pixel_distances, CLOSEST)),
        "copy_features": float(COPY_SHARE * np.quantile(feature_distances, CLOSEST)),
        "outlier": float(OUTLIER_FACTOR * feature_distances.max()),
        "label": sure,
    }


class Filters:
    """Filters of one class. A candidate is judged after all candidates of smaller index, and only against them."""

    def __init__(self, limits: Mapping[str, float], names: Sequence[str], copies_of: Iterable[np.ndarray] = ()) -> None:
        """Set up.

        Args:
            limits: see `thresholds`.
            names: filters that are on.
            copies_of: images uint8 (H, W, C) that no candidate may equal, whatever the distances say.
        """
        self._limits, self._names = limits, names
        self._others = {pixel_hash(image) for image in copies_of}
        self._seen = np.empty(0, np.int64)  # sorted; a set of Python's would take ten times the memory
        self._new: set[int] = set()

    def have_seen(self, hashes: np.ndarray) -> None:
        """Take candidates as accepted before: `pixel_hash` of each, int64 (N,)."""
        self._seen = np.union1d(self._seen, hashes)
        self._new.clear()

    def forget(self) -> None:
        """Take none as accepted before."""
        self._seen = self._seen[:0]
        self._new.clear()

    def duplicates(self, hashes: np.ndarray) -> np.ndarray:
        """Which candidates, that were judged by themselves, are the same as accepted ones: bool (N,)."""
        if "duplicate" not in self._names:
            return np.zeros(len(hashes), bool)
        return np.isin(hashes, self._seen)

    def reasons(self, candidates: Candidates) -> list[str]:
        """Why each candidate is rejected: the first reason that holds, "" when none does."""
        limits = self._limits
        found = {
            "blank": candidates.images.std((1, 2, 3)) < limits["blank"],
            # Near in pixels alone, dark images would all be copies of each other; near in features alone, alike ones.
            "copy": (candidates.pixel_distances < limits["copy_pixels"])
            & (candidates.feature_distances < limits["copy_features"]),
            "label": candidates.other_class > limits["label"],
            "outlier": candidates.feature_distances > limits["outlier"],
        }
        if candidates.critic_scores is not None:
            found["critic"] = candidates.critic_scores < limits["critic"]
        reasons = [""] * len(candidates.images)
        for name in reversed(found):  # what stands first there is the reason that is told
            if name in {*self._names, "critic"}:
                for row in np.flatnonzero(found[name]):
                    reasons[row] = name
        return [
            reason or self._same_pixels(content) for reason, content in zip(reasons, candidates.hashes, strict=True)
        ]

    def _same_pixels(self, content: int) -> str:
        """Whether pixels of this hash were there before, among real images or accepted candidates."""
        if "copy" in self._names and content in self._others:
            return "copy"
        if "duplicate" in self._names:
            place = int(np.searchsorted(self._seen, content))
            if content in self._new or (place < len(self._seen) and self._seen[place] == content):
                return "duplicate"
            self._new.add(content)
        return ""


def pixel_hash(image: np.ndarray) -> int:
    """A 64-bit hash of an image's pixels; of a million images, two differ and share one in 1 of 37 million cases."""
    return int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest(), "little", signed=True)


class Nearest:
    """The nearest of some vectors, by root mean square difference; in float32, since every candidate passes here."""

    def __init__(self, vectors: np.ndarray) -> None:
        """Take float32 (n, F)."""
        self._vectors = vectors
        self._norms = (vectors**2).sum(1)

    def __call__(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For float32 (N, F): distances float32 (N,), and rows int64 (N,) of the nearest."""
        # |a - b|^2 = |a|^2 + |b|^2 - 2ab finds the row; the distance itself is taken without that cancellation.
        rows = (self._norms[None] - 2 * queries @ self._vectors.T).argmin(1)
        return np.sqrt(((queries - self._vectors[rows]) ** 2).mean(1)), rows


def flat(images: np.ndarray) -> np.ndarray:
    """Images uint8 (N, H, W, C) as vectors of their values in [0, 1]: float32 (N, H * W * C)."""
    return images.reshape(len(images), -1).astype(np.float32) / 255
