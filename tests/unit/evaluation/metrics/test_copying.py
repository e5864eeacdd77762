"""Copying is seen where there is some, and not where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from dcgan.data.distances import nearest
from dcgan.evaluation.metrics.base import Measured
from dcgan.evaluation.metrics.copying import authenticity, c_t, distance_ratio, mann_whitney_z
from tests.unit.evaluation.conftest import Normal

ranked = npst.arrays(np.float64, st.integers(1, 20), elements=st.integers(0, 8).map(float))


def of(measured: Measured) -> tuple[float, float]:
    assert measured.value is not None and measured.error is not None
    return measured.value, measured.error


@given(ranked, ranked)
def test_z_agrees_with_scipy_ties_and_all(a: np.ndarray, b: np.ndarray) -> None:
    z = mann_whitney_z(a, b)
    if len(np.unique(np.concatenate([a, b]))) == 1:
        assert z == 0
        return
    expected = stats.mannwhitneyu(a, b, use_continuity=False, method="asymptotic")
    assert 2 * stats.norm.sf(abs(z)) == pytest.approx(expected.pvalue, rel=1e-9)
    assert np.sign(z) == np.sign(round(expected.statistic - len(a) * len(b) / 2, 9))
    assert mann_whitney_z(b, a) == pytest.approx(-z)


def test_new_samples_of_the_distribution_are_no_copies(normal: Normal, draws: np.random.Generator) -> None:
    train, holdout, synthetic = normal(200), normal(150), normal(180)
    z, _ = of(c_t(train, holdout, synthetic))
    assert abs(z) < 3
    ratio, error = of(distance_ratio(train, holdout, synthetic, draws))
    assert ratio == pytest.approx(1, abs=3 * error) and error < 0.1
    share, error = of(authenticity(train, synthetic))
    assert share == pytest.approx(of(authenticity(train, holdout))[0], abs=4 * error)


@pytest.mark.parametrize("blur", [0.0, 1e-9, 0.05])
def test_copies_of_training_images_are_recognised(normal: Normal, draws: np.random.Generator, blur: float) -> None:
    train, holdout = normal(200), normal(150)
    copies = train[:100] + blur * normal(100)
    assert of(authenticity(train, copies))[0] < 0.02
    assert of(c_t(train, holdout, copies))[0] < -8
    assert of(distance_ratio(train, holdout, copies, draws))[0] < 0.8


def test_copies_of_held_out_images_are_none_of_training_images(normal: Normal, draws: np.random.Generator) -> None:
    train, holdout = normal(200), normal(150)
    copies = holdout[:100] + 0.05 * normal(100)
    assert abs(of(c_t(train, holdout, copies))[0]) < 3
    assert of(distance_ratio(train, holdout, copies, draws))[0] > 1.2


def test_some_copies_among_new_images_are_seen_in_proportion(normal: Normal) -> None:
    train = normal(200)
    new = normal(100)
    half = np.concatenate([new[:50], train[:50]])
    assert of(authenticity(train, half))[0] == pytest.approx(of(authenticity(train, new[:50]))[0] / 2, abs=1e-9)


def test_images_that_lie_off_are_no_copies_and_lie_above(normal: Normal) -> None:
    train, holdout, off = normal(200), normal(150), normal(100, mean=5)
    assert of(authenticity(train, off))[0] == 1
    assert of(c_t(train, holdout, off))[0] > 8


def test_authenticity_goes_by_the_nearest_training_images_own_neighbour() -> None:
    # The first training image is alone, the others stand close; the synthetic one is nearest to the third. By its own
    # row, which is 0, it would be held against the loneliness of the first, and be taken for a copy.
    train = np.array([[100.0], [0.0], [1.0], [1.5]])
    assert of(authenticity(train, np.array([[3.0]])))[0] == 1
    assert of(authenticity(train, np.array([[1.6]])))[0] == 0


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_scale_and_order_do_not_matter(seed: int, scale: float) -> None:
    numbers = np.random.default_rng(seed)
    train, holdout, synthetic = (numbers.normal(size=(count, 4)) for count in (30, 25, 20))
    shuffled = [numbers.permutation(points) * scale for points in (train, holdout, synthetic)]
    assert of(c_t(*shuffled))[0] == pytest.approx(of(c_t(train, holdout, synthetic))[0])
    assert authenticity(shuffled[0], shuffled[2]) == authenticity(train, synthetic)
    scaled = [points * scale for points in (train, holdout, synthetic)]
    one, other = (
        of(distance_ratio(points[0], points[1], points[2], np.random.default_rng(0)))
        for points in ([train, holdout, synthetic], scaled)
    )
    assert one == pytest.approx(other)


def test_c_t_has_a_standard_error_of_1_where_nothing_is_copied(normal: Normal) -> None:
    train = normal(100)
    scores = [of(c_t(train, normal(40), normal(40)))[0] for _ in range(200)]
    assert np.mean(scores) == pytest.approx(0, abs=0.25)
    assert np.std(scores) == pytest.approx(1, rel=0.2)


def test_error_of_the_ratio_is_from_above_and_not_far(normal: Normal) -> None:
    measured = [of(distance_ratio(normal(60), normal(40), normal(50), np.random.default_rng(0))) for _ in range(60)]
    spread = np.std([value for value, _ in measured])
    assert spread < np.mean([error for _, error in measured]) < 2.5 * spread


def test_too_few_images_are_withheld_with_their_number(normal: Normal, draws: np.random.Generator) -> None:
    assert distance_ratio(normal(50), normal(3), normal(50), draws).note == "3 images, at least 4 are needed"
    assert c_t(normal(50), normal(3), normal(50)).note == "3 images, at least 8 are needed"
    assert authenticity(normal(1), normal(50)).note == "1 training images, at least 2 are needed"
    assert authenticity(normal(50), normal(0)).value is None


def test_ratio_to_equal_held_out_images_is_withheld(normal: Normal, draws: np.random.Generator) -> None:
    same = np.zeros((20, 8))
    assert distance_ratio(normal(20), same, same, draws).value is None
    assert nearest(same, same)[0].max() == 0
