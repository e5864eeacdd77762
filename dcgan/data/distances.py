"""Distances between points (N, D) of a feature space, in float64: what training's score and the measures share.

Work on many points goes in chunks, so that memory grows with the number of points and not with its square.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

CHUNK_VALUES = 4_000_000  # distances held at once: 32 MB


def polynomial_kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(a b / D + 1) ** 3 for all pairs of points (N, D) and (M, D): (N, M). Binkowski et al. 2018, section 4."""
    values: np.ndarray = (a @ b.T / a.shape[1] + 1) ** 3
    return values


def unbiased_mmd(a: np.ndarray, b: np.ndarray, within_a: float | None = None) -> float:
    """Squared maximum mean discrepancy of two samples under the polynomial kernel, without bias.

    0 on average for samples of one distribution, so that it can be negative (Binkowski et al. 2018, section 4).

    Args:
        a: (N, D), N at least 2.
        b: (M, D), M at least 2.
        within_a: `mean_kernel(a)`, where it is known already.
    """
    within = (mean_kernel(a) if within_a is None else within_a) + mean_kernel(b)
    return float(within - 2 * polynomial_kernel(a, b).mean())


def mean_kernel(points: np.ndarray) -> float:
    """The kernel's mean over all pairs of different points of a sample (N, D), N at least 2."""
    return mean_off_diagonal(polynomial_kernel(points, points))


def mean_off_diagonal(values: np.ndarray) -> float:
    """Mean of a square matrix's values beside its diagonal."""
    count = len(values)
    return float((values.sum() - np.trace(values)) / (count * (count - 1)))


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of all pairs of points (N, D) and (M, D): (N, M), never negative."""
    squared: np.ndarray = np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0)
    return squared


def in_chunks(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Euclidean distances from points (N, D) to points (M, D), some rows at a time: which rows, and (rows, M)."""
    rows = max(1, CHUNK_VALUES // max(1, len(b)))
    for start in range(0, len(a), rows):
        chunk = slice(start, min(start + rows, len(a)))
        yield chunk, np.sqrt(squared_distances(a[chunk], b))


def nearest(queries: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each query (N, D) the distance to the nearest reference (M, D), M at least 1, and its row: (N,) each."""
    rows = np.empty(len(queries), np.int64)
    for chunk, distances in in_chunks(queries, references):
        rows[chunk] = distances.argmin(1)
    # The product that finds the row cancels digits; the distance itself is taken without it, so that a copy is at 0.
    return np.sqrt(((queries - references[rows]) ** 2).sum(1)), rows


def neighbour_distances(points: np.ndarray, k: int) -> np.ndarray:
    """Distance of each point (N, D) to its k-th nearest other point, 1 <= k < N: (N,)."""
    radii = np.empty(len(points))
    for chunk, distances in in_chunks(points, points):
        distances[np.arange(len(distances)), np.arange(chunk.start, chunk.stop)] = np.inf  # itself, but not its copies
        # Most ask for one neighbour, and a minimum takes a twentieth of a partition's time.
        radii[chunk] = distances.min(1) if k == 1 else np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii
