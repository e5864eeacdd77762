"""Vendi score: the number of different images, whatever their order, and no more for images that are repeated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dcgan.evaluation.metrics.vendi import VENDI, WIDTH, effective_number, usual_distance, vendi
from tests.unit.evaluation.conftest import Normal, subject


def value(points: np.ndarray, width: float = 1.0) -> float:
    measured = vendi(points, width).value
    assert measured is not None
    return measured


def test_images_far_apart_count_each_and_copies_count_once() -> None:
    apart = 100 * np.eye(12)
    assert value(apart) == pytest.approx(12)
    assert value(np.repeat(apart, 4, axis=0)) == pytest.approx(12)
    assert value(np.repeat(apart[:1], 40, axis=0)) == pytest.approx(1)


def test_two_images_amount_to_the_entropy_of_their_similarity() -> None:
    # Eigenvalues of [[1, s], [s, 1]] / 2 are (1 + s) / 2 and (1 - s) / 2.
    for similarity in (0.1, 0.5, 0.9):
        shares = ((1 + similarity) / 2, (1 - similarity) / 2)
        expected = math.exp(-sum(share * math.log(share) for share in shares))
        assert effective_number(np.array([[1, similarity], [similarity, 1]])) == pytest.approx(expected)


def test_order_and_scale_do_not_matter(normal: Normal, draws: np.random.Generator) -> None:
    points = normal(60)
    expected = value(points, usual_distance(points))
    assert value(draws.permutation(points), usual_distance(points)) == pytest.approx(expected)
    assert value(7 * points, usual_distance(7 * points)) == pytest.approx(expected)


def test_more_similar_images_amount_to_fewer(normal: Normal) -> None:
    width = WIDTH * usual_distance(normal(200))
    values = [value(scale * normal(200), width) for scale in (0.1, 0.3, 0.6, 1.0)]
    assert values == sorted(values) and values[0] < 2 < values[-1]


def test_a_few_images_again_and_again_fall_far_below_the_ceiling(normal: Normal) -> None:
    train = normal(80)
    good = VENDI.measure(subject(train, normal(40), normal(80)))
    collapsed = VENDI.measure(subject(train, normal(40), np.repeat(normal(3), 30, axis=0)))
    assert good.value is not None and good.ceiling is not None and collapsed.value is not None
    assert good.value > 0.7 * good.ceiling
    assert collapsed.value == pytest.approx(3, rel=0.1) and collapsed.value < 0.15 * good.ceiling


@pytest.mark.parametrize(("train", "synthetic"), [(20, 400), (400, 20)])
def test_as_many_of_either_kind_are_counted(normal: Normal, train: int, synthetic: int) -> None:
    measured = [VENDI.measure(subject(normal(train), normal(40), normal(synthetic))) for _ in range(20)]
    values, ceilings = ([getattr(one, name) for one in measured] for name in ("value", "ceiling"))
    np.testing.assert_allclose(np.mean(values), np.mean(ceilings), rtol=0.1)
    assert max(values) < 20


def test_error_is_about_how_much_other_samples_would_differ(normal: Normal) -> None:
    measured = [vendi(normal(60), 4.0) for _ in range(40)]
    spread = np.std([one.value for one in measured if one.value is not None])
    told = np.mean([one.error for one in measured if one.error is not None])
    assert told == pytest.approx(spread, rel=0.5)


def test_same_images_are_finite_and_few_are_withheld(normal: Normal) -> None:
    same = np.zeros((20, 8))
    measured = VENDI.measure(subject(same, same, same))
    assert (measured.value, measured.ceiling) == (pytest.approx(1), pytest.approx(1))
    few = VENDI.measure(subject(normal(80), normal(40), normal(10)))
    assert few.value is None and few.note == "10 images, at least 11 are needed"
    assert vendi(normal(10), 1.0).note == few.note
