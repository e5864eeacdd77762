"""Curation: what is a copy, a duplicate or blank is found, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.curation.filters import BLANK_SHARE, Filters, NearestReal
from tests.samples import noise


def images(first: int, count: int, channels: int = 1) -> np.ndarray:
    return np.stack([noise(first + number, channels=channels).reshape(12, 10, channels) for number in range(count)])


def test_new_images_are_accepted_and_seen_ones_are_duplicates() -> None:
    filters = Filters.from_real(images(0, 5))
    assert [filters.reason_against(image) for image in images(100, 3)] == [None] * 3
    assert [filters.reason_against(image) for image in images(101, 3)] == ["duplicate", "duplicate", None]


def test_copies_of_real_images_are_found_each_time_and_near_ones_are_none() -> None:
    real = images(0, 5)
    filters = Filters.from_real(real)
    assert [filters.reason_against(real[2]) for _ in range(2)] == ["copy", "copy"]
    near = real[2].copy()
    near[0, 0] ^= 1
    assert filters.reason_against(near) is None


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_images_are_blank_also_when_they_come_again(value: int) -> None:
    filters = Filters.from_real(images(0, 5))
    flat = np.full((12, 10, 1), value, np.uint8)
    assert [filters.reason_against(flat) for _ in range(2)] == ["blank", "blank"]


def test_blank_is_told_by_the_flattest_real_image() -> None:
    real = images(0, 5)
    flattest = (real[0] * 0.1 + 100).astype(np.uint8)
    candidate = (images(100, 1)[0] * 0.05 + 100).astype(np.uint8)
    assert candidate.std() > BLANK_SHARE * flattest.std()
    assert Filters.from_real(real).reason_against(candidate) == "blank"
    assert Filters.from_real(np.concatenate([real, flattest[None]])).reason_against(candidate) is None


def test_class_with_a_blank_real_image_rejects_none_as_blank() -> None:
    filters = Filters.from_real(np.zeros((1, 12, 10, 1), np.uint8))
    assert filters.reason_against(np.full((12, 10, 1), 7, np.uint8)) is None


@given(st.integers(1, 8), st.integers(1, 6), st.sampled_from([1, 3]))
def test_nearest_real_image_is_the_nearest(num_real: int, num_made: int, channels: int) -> None:
    real, made = images(0, num_real, channels), images(50, num_made, channels)
    distances, rows = NearestReal(real)(made)
    pairs = ((made[:, None] / 255.0 - real[None] / 255.0) ** 2).mean((2, 3, 4)) ** 0.5
    np.testing.assert_array_equal(rows, pairs.argmin(1))
    np.testing.assert_allclose(distances, pairs.min(1), rtol=1e-5)
    assert distances.dtype == np.float32


def test_distance_is_0_to_a_copy_and_1_from_black_to_white() -> None:
    real = images(0, 3)
    distances, rows = NearestReal(real)(real[[1, 2]])
    assert list(rows) == [1, 2] and list(distances) == [0, 0]
    black, white = np.zeros((1, 12, 10, 1), np.uint8), np.full((1, 12, 10, 1), 255, np.uint8)
    assert NearestReal(black)(white)[0] == pytest.approx(1)
