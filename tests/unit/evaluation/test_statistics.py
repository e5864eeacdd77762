"""Intervals, p-values and their correction: properties, and how often they are right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from dcgan.evaluation.statistics import Difference, balanced, difference, holm
from dcgan.execution import randomness

differences = npst.arrays(
    np.float64, st.tuples(st.integers(2, 4), st.integers(1, 30)), elements=st.sampled_from([-1.0, 0.0, 1.0])
)


def found(values: np.ndarray, seed: int = 0) -> Difference:
    return difference([values], randomness.generator(seed, "cat", "bootstrap"))


def interval(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    return found(values, seed).low, found(values, seed).high


@settings(deadline=None, max_examples=25)
@given(differences)
def test_interval_is_ordered_in_range_and_the_same_for_the_same_draws(values: np.ndarray) -> None:
    low, high = interval(values)
    assert values.min() <= low <= high <= values.max()
    assert interval(values) == (low, high)


@settings(deadline=None, max_examples=25)
@given(differences)
def test_interval_of_the_opposite_is_the_opposite_interval(values: np.ndarray) -> None:
    low, high = interval(values)
    np.testing.assert_allclose(interval(-values), (-high, -low), atol=1e-12)


@settings(deadline=None, max_examples=10)
@given(st.sampled_from([-1.0, 0.0, 1.0]), st.integers(2, 5), st.integers(1, 30))
def test_interval_of_one_value_is_that_value(value: float, seeds: int, images: int) -> None:
    assert interval(np.full((seeds, images), value)) == (value, value)


def test_interval_narrows_with_more_images_and_widens_when_seeds_disagree() -> None:
    draws = np.random.default_rng(0)
    few, many = (draws.choice([-1.0, 0, 0, 1], (3, count)) for count in (20, 2000))
    widths = [np.subtract(*interval(values)[::-1]) for values in (few, many)]
    assert widths[1] < widths[0] / 3
    agreeing = np.tile([1.0, 0, 0, 0], (4, 250))
    disagreeing = agreeing * np.array([[4], [0], [0], [0]])  # the same mean, from one training alone
    assert np.subtract(*interval(disagreeing)[::-1]) > 3 * np.subtract(*interval(agreeing)[::-1])


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draws = np.random.default_rng(1)
    hits = 0
    for trial in range(60):
        truth = draws.choice([-1.0, 0, 1], 80, p=[0.1, 0.6, 0.3])  # mean 0.2
        low, high = interval(np.tile(truth, (3, 1)), trial)
        hits += low <= 0.2 <= high
    assert hits >= 52


def test_p_value_agrees_with_the_interval() -> None:
    draws = np.random.default_rng(2)
    for trial in range(30):
        values = np.tile(draws.choice([-1.0, 0, 1], 60, p=[0.1, 0.7, 0.2]), (3, 1))
        result = found(values, trial)
        if abs(result.p_value - 0.05) > 0.01:
            assert (result.p_value < 0.05) == (not result.low <= 0 <= result.high)


def test_without_any_difference_the_p_value_is_1() -> None:
    assert found(np.zeros((3, 20))).p_value == 1


def test_of_several_groups_each_weighs_the_same() -> None:
    groups = [np.ones((2, 10)), np.zeros((2, 1000))]
    result = difference(groups, randomness.generator(0, "", "bootstrap"))
    assert (result.mean, result.low, result.high) == (0.5, 0.5, 0.5)


def test_holm_against_the_rule_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({}) == {}


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_never_makes_a_p_value_smaller_nor_changes_their_order(p_values: dict[str, float]) -> None:
    adjusted = holm(p_values)
    assert all(p_values[name] <= adjusted[name] <= 1 for name in p_values)
    ordered = sorted(p_values, key=lambda name: p_values[name])
    assert [adjusted[name] for name in ordered] == sorted(adjusted.values())


def test_error_of_a_balanced_mean_is_the_spread_over_other_images() -> None:
    draws = np.random.default_rng(2)
    truth = np.repeat([0, 3], [20, 80])  # classes are asked for by their numbers, and none between need be there
    means, errors = np.transpose([balanced(draws.random(100) < np.where(truth, 0.9, 0.6), truth) for _ in range(2000)])
    assert means.mean() == pytest.approx(0.75, abs=0.005)
    assert errors.mean() == pytest.approx(means.std(), rel=0.05)


def test_error_of_a_balanced_mean_of_single_images_or_of_one_value_is_nothing() -> None:
    assert balanced(np.array([1.0, 0.0, 0.0]), np.array([0, 1, 2])) == (pytest.approx(1 / 3), 0.0)
    assert balanced(np.ones(7), np.array([0, 0, 0, 1, 1, 1, 1])) == (1.0, 0.0)
