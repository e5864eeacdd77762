"""KID: unbiased, with an error that is one, and the larger the less alike two samples are."""

from __future__ import annotations

import numpy as np
import pytest

from dcgan.data.distances import unbiased_mmd
from dcgan.evaluation.metrics import kid as module
from dcgan.evaluation.metrics.kid import kid
from tests.unit.evaluation.conftest import Normal


def value(real: np.ndarray, synthetic: np.ndarray, seed: int = 0) -> float:
    measured = kid(real, synthetic, np.random.default_rng(seed)).value
    assert measured is not None
    return measured


def test_samples_of_one_distribution_come_to_0_on_average_however_few(normal: Normal) -> None:
    for count in (6, 40):
        values = [value(normal(count), normal(count), seed) for seed in range(60)]
        assert abs(np.mean(values)) < 3.5 * np.std(values) / np.sqrt(60)
        assert min(values) < 0


def test_mean_over_subsets_is_about_the_value_of_all_images(normal: Normal, draws: np.random.Generator) -> None:
    real, synthetic = normal(200), normal(150, mean=0.5)
    measured = kid(real, synthetic, draws)
    assert measured.value is not None and measured.error is not None
    assert measured.value == pytest.approx(unbiased_mmd(real, synthetic), abs=measured.error)


def test_error_is_about_how_much_other_samples_would_differ(normal: Normal) -> None:
    measured = [kid(normal(80), normal(80, mean=0.3), np.random.default_rng(seed)) for seed in range(60)]
    spread = np.std([one.value for one in measured if one.value is not None])
    told = np.mean([one.error for one in measured if one.error is not None])
    assert told == pytest.approx(spread, rel=0.4)


def test_grows_with_the_distance_and_with_collapse(normal: Normal) -> None:
    real = normal(200)
    values = [value(real, normal(200, mean=mean)) for mean in (0, 0.3, 0.6, 1.2)]
    assert values == sorted(values) and values[1] > 0.01
    assert value(real, np.repeat(real[:2], 100, axis=0)) > 0.1


def test_order_of_images_says_nothing(normal: Normal) -> None:
    real, synthetic = normal(120), normal(120, mean=0.3)
    measured = kid(real, synthetic, np.random.default_rng(0))
    assert measured.error is not None
    assert value(real[::-1], synthetic[::-1]) == pytest.approx(measured.value, abs=measured.error)
    assert value(real, synthetic) == measured.value  # the same draws give the same


def test_large_subsets_are_cut(monkeypatch: pytest.MonkeyPatch, normal: Normal, draws: np.random.Generator) -> None:
    monkeypatch.setattr(module, "MAX_SUBSET", 5)
    small = kid(normal(200), normal(200), draws).error
    monkeypatch.undo()
    whole = kid(normal(200), normal(200), draws).error
    assert small is not None and whole is not None and small > 3 * whole


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_images_are_withheld_with_their_number(normal: Normal, draws: np.random.Generator, count: int) -> None:
    for pair in ((normal(count), normal(50)), (normal(50), normal(count))):
        measured = kid(*pair, draws)
        assert measured.value is None and measured.note == f"{count} images, at least 4 are needed"
