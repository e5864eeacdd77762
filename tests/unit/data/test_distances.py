"""Distances in a feature space: as the formulas have them, in whatever chunks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.spatial import distance

from dcgan.data import distances

points = npst.arrays(
    np.float64, st.tuples(st.integers(2, 12), st.integers(1, 4)), elements=st.floats(-5, 5, allow_subnormal=False)
)
numbers = np.random.default_rng(0)
A, B = numbers.normal(size=(30, 7)), numbers.normal(0.5, 2, (40, 7))


def test_mmd_agrees_with_a_loop_over_pairs() -> None:
    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((sum(x * y) / len(x) + 1) ** 3)

    within_a = [kernel(x, y) for i, x in enumerate(A) for j, y in enumerate(A) if i != j]
    within_b = [kernel(x, y) for i, x in enumerate(B) for j, y in enumerate(B) if i != j]
    between = [kernel(x, y) for x in A for y in B]
    expected = np.mean(within_a) + np.mean(within_b) - 2 * np.mean(between)
    assert distances.unbiased_mmd(A, B) == pytest.approx(expected, rel=1e-10)
    assert distances.unbiased_mmd(A, B, within_a=distances.mean_kernel(A)) == distances.unbiased_mmd(A, B)


@pytest.mark.parametrize("chunk", [1, 100, 10_000])
def test_neighbours_agree_with_scipy_in_whatever_chunks(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(distances, "CHUNK_VALUES", chunk)
    to_b = distance.cdist(A, B)
    found, rows = distances.nearest(A, B)
    np.testing.assert_allclose(found, to_b.min(1))
    assert (rows == to_b.argmin(1)).all()
    within = np.sort(distance.cdist(A, A), axis=1)
    for k in (1, 5, 29):
        np.testing.assert_allclose(distances.neighbour_distances(A, k), within[:, k], atol=1e-7)


@settings(deadline=None, max_examples=40)
@given(points)
def test_a_copy_is_its_own_nearest_neighbour_at_no_distance_at_all(sample: np.ndarray) -> None:
    found, rows = distances.nearest(sample, sample)
    assert (found == 0).all() or np.abs(sample - sample[rows]).max() < 1e-6  # cancelled digits: as good as a copy


@settings(deadline=None, max_examples=40)
@given(points)
def test_neighbours_grow_with_their_number_and_a_doubled_point_is_next_to_itself(sample: np.ndarray) -> None:
    radii = [distances.neighbour_distances(sample, k) for k in range(1, len(sample))]
    assert all((further >= nearer).all() for nearer, further in itertools.pairwise(radii))
    twice = np.concatenate([sample, sample])
    np.testing.assert_allclose(distances.neighbour_distances(twice, 1), 0, atol=1e-6)
