"""The gate: verdicts follow the evidence and the policy, and an interval holds what it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from dcgan import randomness, storage
from dcgan.config import parse_job
from dcgan.evaluation.gate import MIN_HOLDOUT, confidence_interval, decide, judge
from dcgan.paths import Run

differences = npst.arrays(
    np.float64, st.tuples(st.integers(2, 4), st.integers(1, 30)), elements=st.sampled_from([-1.0, 0.0, 1.0])
)


def interval(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    return confidence_interval(values, randomness.generator(seed, "cat", "bootstrap"))


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


@pytest.mark.parametrize(
    ("policy", "low", "high", "verdict", "reason"),
    [
        ("report", -0.2, -0.1, "shipped", "harms"),
        ("no_harm", -0.2, -0.1, "withheld", "harms"),
        ("proven_gain", -0.2, -0.1, "withheld", "harms"),
        ("report", -0.1, 0.1, "shipped", "no difference shown"),
        ("no_harm", -0.1, 0.1, "shipped", "no difference shown"),
        ("proven_gain", -0.1, 0.1, "withheld", "no difference shown"),
        ("report", 0.1, 0.2, "shipped", "helps"),
        ("no_harm", 0.1, 0.2, "shipped", "helps"),
        ("proven_gain", 0.1, 0.2, "shipped", "helps"),
        ("no_harm", -0.1, 0.0, "shipped", "no difference shown"),  # no harm is shown as long as none is possible
        ("proven_gain", 0.0, 0.1, "withheld", "no difference shown"),
    ],
)
def test_verdict_follows_evidence_and_policy(policy: str, low: float, high: float, verdict: str, reason: str) -> None:
    measures = {"holdout": 100, "gain": (low + high) / 2, "gain_low": low, "gain_high": high}
    decided, told = decide(policy, measures)
    assert decided == verdict and told.startswith(f"{reason}: recall ")
    assert f"({100 * low:+.1f} to {100 * high:+.1f})" in told


@pytest.mark.parametrize("holdout", [0, MIN_HOLDOUT - 1])
@pytest.mark.parametrize("policy", ["report", "no_harm", "proven_gain"])
def test_too_few_held_out_images_give_no_verdict_and_no_proof(policy: str, holdout: int) -> None:
    verdict, reason = decide(policy, {"holdout": holdout, "gain": 0.9, "gain_low": 0.8, "gain_high": 1.0})
    assert verdict == ("withheld" if policy == "proven_gain" else "shipped")
    assert reason == f"no verdict: {holdout} held-out images, at least {MIN_HOLDOUT} are needed"


@pytest.fixture
def judged(tmp_path: Path) -> dict[str, Any]:
    """Three classes of 40 held-out images: synthetic images help one, harm another, and the third has none."""
    run = Run(tmp_path)
    labels = ["harmed", "helped", "plain"]
    synthetic = np.array([10, 30, 0])
    storage.write_json(
        run.split_record, {"classes": {label: {"train": 10} for label in labels} | {"empty": {"train": 0}}}
    )
    truth = np.repeat(np.arange(3), 40)
    halves = np.tile([True, False], 60)
    after = halves | (truth == 1)
    after &= truth != 0
    for number in range(2):
        arrays = {"without": halves, "with": after, "truth": truth, "synthetic": synthetic}
        storage.write_bytes(run.utility(number), storage.pack_arrays(arrays))
    values = {"name": "j", "data": {"source": "x"}, "gate": {"classifier_seeds": 2}}
    record = judge(run, parse_job(values, where=""))
    assert storage.read_json(run.evaluation_record) == record
    return record


def test_each_class_is_judged_by_its_own_held_out_images(judged: dict[str, Any]) -> None:
    assert {label: entry["verdict"] for label, entry in judged["classes"].items()} == {
        "harmed": "withheld", "helped": "shipped", "plain": "none",
    }  # fmt: skip
    measures = judged["classes"]["harmed"]["measures"]
    assert (measures["holdout"], measures["recall_without"], measures["recall_with"]) == (40, 0.5, 0.0)
    assert measures["gain"] == -0.5 and measures["gain_high"] < 0


def test_share_that_was_measured_with_is_told_and_grows_as_real_images_get_fewer(judged: dict[str, Any]) -> None:
    shares = {label: entry["synthetic_share"] for label, entry in judged["classes"].items()}
    assert shares == {"harmed": 0.25, "helped": 0.375, "plain": 0.0}


def test_balanced_accuracy_is_the_mean_recall_of_every_training(judged: dict[str, Any]) -> None:
    assert judged["balanced_accuracy"] == {"without": [0.5, 0.5], "with": [0.5, 0.5]}
    assert sum(entry["measures"]["recall_with"] for entry in judged["classes"].values()) == 1.5
