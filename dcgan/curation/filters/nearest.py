"""The nearest real image of every candidate."""

from __future__ import annotations

import numpy as np


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
