"""Fréchet distance: the formula in float64, its invariances, and when it says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from dcgan.evaluation.metrics.frechet import frechet, frechet_distance
from tests.unit.evaluation.conftest import Normal


def by_matrix_root(a: np.ndarray, b: np.ndarray) -> float:
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(cov_a @ cov_b)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * np.real(root)))


def test_agrees_with_the_formula(normal: Normal) -> None:
    mixed = normal(8, 8)
    a, b = normal(100) @ mixed, normal(90, mean=0.5)
    assert frechet_distance(a, b) == pytest.approx(by_matrix_root(a, b), rel=1e-8)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-8)


def test_shift_and_scale_of_normal_samples_come_to_what_they_are(normal: Normal) -> None:
    a = normal(100)
    assert frechet_distance(a, a + 2) == pytest.approx(8 * 4, rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(3 * a, 3 * a + 6) == pytest.approx(9 * 8 * 4, rel=1e-9)  # of the square of the scale
    rotation = linalg.qr(normal(8, 8))[0]
    b = normal(100, mean=1)
    assert frechet_distance(a @ rotation, b @ rotation) == pytest.approx(frechet_distance(a, b), rel=1e-8)


def test_features_that_never_change_are_no_obstacle(normal: Normal) -> None:
    dead = np.zeros((100, 4))
    a, b = np.hstack([normal(100), dead]), np.hstack([normal(100, mean=1), dead])
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(a[:, :8], b[:, :8]), rel=1e-6)


def test_order_of_images_does_not_matter(normal: Normal) -> None:
    a, b = normal(100), normal(100, mean=1)
    assert frechet_distance(a[::-1], b[::-1]) == pytest.approx(frechet_distance(a, b))


def test_fewer_images_than_dimensions_are_withheld_and_few_are_marked(normal: Normal) -> None:
    withheld = frechet(normal(7), normal(100))
    assert withheld.value is None and withheld.note == "7 images, fewer than the 8 dimensions of the features"
    assert frechet(normal(8), normal(8)).value is not None
    assert frechet(normal(2047, 2), normal(3000, 2)).note == "biased upwards: fewer than 2,048 images"
    assert frechet(normal(2048, 2), normal(3000, 2)).note == ""


def test_few_images_are_biased_upwards_as_the_note_says(normal: Normal) -> None:
    few = np.mean([frechet_distance(normal(20), normal(20)) for _ in range(20)])
    assert few > 5 * frechet_distance(normal(2048), normal(2048)) > 0


def test_error_is_about_how_much_other_samples_would_differ(normal: Normal) -> None:
    measured = [frechet(normal(200), normal(200, mean=0.5)) for _ in range(40)]
    spread = np.std([one.value for one in measured if one.value is not None])
    told = np.mean([one.error for one in measured if one.error is not None])
    assert told == pytest.approx(spread, rel=0.4)
