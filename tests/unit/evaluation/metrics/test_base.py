"""Values with their errors: shares, means over classes, and what is written of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from dcgan.evaluation.metrics import METRICS
from dcgan.evaluation.metrics.base import Measured, drawn, mean, share, withheld
from dcgan.run.records import Measure


@given(npst.arrays(bool, st.integers(1, 60)))
def test_share_is_the_mean_and_is_never_certain(hits: np.ndarray) -> None:
    measured = share(hits)
    assert measured.value == hits.mean()
    assert measured.error is not None and 0 < measured.error <= 0.5


def test_error_of_a_share_is_about_that_of_the_binomial_distribution() -> None:
    error = share(np.arange(1000) < 300).error
    assert error == pytest.approx(np.sqrt(0.3 * 0.7 / 1000), rel=0.01)


def test_mean_leaves_out_classes_without_a_value() -> None:
    parts = [Measured(1.0, 0.3, 0.5), withheld("too few"), Measured(0.0, 0.4)]
    found = mean(parts)
    assert found == Measured(0.5, found.error, 0.5, "without 1 of 3 classes") and found.error == pytest.approx(0.25)
    assert mean([withheld("too few"), withheld("none")]).note == "too few"
    assert mean([]).value is None


def test_record_is_json_and_says_why_there_is_no_value() -> None:
    assert json.loads(withheld("too few").record().model_dump_json()) == {
        "value": None, "error": None, "ceiling": None, "note": "too few",
    }  # fmt: skip
    assert Measured(1 / 3, 0.1).beside(Measured(2 / 3)).record().ceiling == 0.666667


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 99))
def test_drawn_are_different_points_in_their_order_and_the_same_for_the_same_draws(
    count: int, size: int, seed: int
) -> None:
    size = min(size, count)
    points = np.arange(count)
    some = drawn(points, size, np.random.default_rng(seed))
    assert len(some) == size and (np.diff(some) > 0).all()
    assert (some == drawn(points, size, np.random.default_rng(seed))).all()


def test_names_are_different_and_goals_within_bounds() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS) == 14
    for metric in METRICS:
        if isinstance(metric.goal, float):
            assert metric.low is None or metric.low <= metric.goal
            assert metric.high is None or metric.goal <= metric.high
        else:
            assert metric.goal in ("minimize", "maximize")


def test_a_metric_says_where_it_is_good_and_what_was_measured() -> None:
    of = {metric.name: metric for metric in METRICS}
    assert [of[name].good for name in ("kid", "coverage", "variety", "c_t")] == ["low", "high", "near 1", "near 0"]
    assert [metric.name for metric in METRICS if not metric.has_length] == ["c_t"]
    assert of["coverage"].is_share and not of["density"].is_share
    assert of["coverage"].in_words(Measure(value=0.9123, ceiling=0.9674)) == "coverage 0.912 (0.967)"
    assert of["gan_test"].in_words(Measure(value=0.5)) == "gan_test 0.500"
    assert of["kid"].in_words(Measure(value=None, note="too few")) == ""
