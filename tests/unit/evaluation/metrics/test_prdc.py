"""Precision, recall, density, coverage: as an independent implementation has them, and in built cases."""

from __future__ import annotations

import numpy as np
import prdc as reference
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan.data import distances
from dcgan.evaluation.metrics.prdc import PRDC, prdc
from tests.unit.evaluation.conftest import Normal

NAMES = {"manifold_precision": "precision", "manifold_recall": "recall", "density": "density", "coverage": "coverage"}


def values(real: np.ndarray, synthetic: np.ndarray, k: int = 5, seed: int = 0) -> dict[str, float]:
    measured = prdc(real, synthetic, np.random.default_rng(seed), k)
    return {NAMES[name]: one.value for name, one in measured.items() if one.value is not None}


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(8, 60), st.integers(1, 6), st.floats(0, 3), st.floats(0.2, 3))
def test_agrees_with_an_independent_implementation(seed: int, count: int, k: int, shift: float, scale: float) -> None:
    draws = np.random.default_rng(seed)
    real, synthetic = draws.normal(size=(count, 4)), draws.normal(shift, scale, (count, 4))
    assert values(real, synthetic, k) == pytest.approx(reference.compute_prdc(real, synthetic, k))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_scale_of_the_features_and_order_of_the_images_do_not_matter(seed: int, scale: float) -> None:
    draws = np.random.default_rng(seed)
    real, synthetic = draws.normal(size=(40, 4)), draws.normal(0.5, 1, (40, 4))
    expected = values(real, synthetic)
    assert values(scale * real, scale * synthetic) == pytest.approx(expected)
    assert values(draws.permutation(real), draws.permutation(synthetic)) == pytest.approx(expected)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch, normal: Normal) -> None:
    real, synthetic = normal(50), normal(50, mean=0.5)
    whole = values(real, synthetic)
    monkeypatch.setattr(distances, "CHUNK_VALUES", 120)
    assert values(real, synthetic) == whole


def test_identical_samples_are_perfect_and_disjoint_ones_have_nothing(normal: Normal) -> None:
    real = normal(60)
    assert values(real, real) == pytest.approx({"precision": 1, "recall": 1, "density": 1, "coverage": 1}, rel=0.05)
    assert values(real, normal(60, mean=100)) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_samples_of_one_distribution_are_covered_nearly_whole(normal: Normal) -> None:
    assert values(normal(500), normal(500))["coverage"] == pytest.approx(0.97, abs=0.03)


def test_collapse_to_one_mode_is_precise_and_recalls_little(normal: Normal) -> None:
    modes = np.repeat(np.eye(8) * 50, 25, axis=0)
    real = normal(200) + modes
    collapsed = normal(200) + modes[0]
    measured = values(real, collapsed)
    assert measured["precision"] > 0.8 and measured["density"] > 0.5
    assert measured["recall"] < 0.2 and measured["coverage"] < 0.2
    whole = values(real, normal(200) + modes)
    assert whole["recall"] > 0.8 and whole["coverage"] > 0.8


def test_samples_too_wide_recall_all_and_are_not_precise(normal: Normal) -> None:
    measured = values(normal(200), 3 * normal(200))
    assert measured["recall"] > 0.8 and measured["precision"] < 0.4


def test_one_odd_real_image_spoils_precision_and_not_density(normal: Normal) -> None:
    real, off = normal(100), normal(100, mean=20)
    real[0] = 1000.0  # its ball holds everything
    measured = values(real, off)
    assert measured["precision"] == 1.0 and measured["density"] <= 0.2 and measured["coverage"] == 0.01


def test_as_many_of_either_kind_count(normal: Normal) -> None:
    real, synthetic = normal(30), normal(300)
    measured = values(real, synthetic)
    assert measured == values(real, synthetic) != values(real, synthetic, seed=1)
    assert measured["coverage"] == pytest.approx(0.97, abs=0.1)  # all 300 would cover every ball


def test_errors_are_about_how_much_other_synthetic_images_would_differ(normal: Normal) -> None:
    real = normal(150)
    measured = [prdc(real, normal(150, mean=1), np.random.default_rng(0)) for _ in range(60)]
    for name in ("manifold_precision", "density"):
        spread = np.std([one[name].value or 0 for one in measured])
        assert np.mean([one[name].error or 0 for one in measured]) == pytest.approx(spread, rel=0.5)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_no_more_images_than_neighbours_are_withheld(normal: Normal, draws: np.random.Generator, count: int) -> None:
    measured = prdc(normal(count), normal(50), draws)
    assert {one.note for one in measured.values()} == {f"{count} images, more than 5 are needed"}
    assert set(measured) == {metric.name for metric in PRDC} and all(one.value is None for one in measured.values())
