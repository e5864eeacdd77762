"""The score that picks a step: properties on real digits, with a classifier's real features."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from sklearn.datasets import load_digits

from dcgan.networks.batches import Batches
from dcgan.networks.classifier import Trainer, looker
from dcgan.training.score import FoldScorer, Score, Scorer


@pytest.fixture(scope="module")
def digits() -> dict[int, np.ndarray]:
    data = load_digits()
    images = (data.images * 255 / 16).astype(np.uint8)[..., None]
    return {label: images[data.target == label] for label in range(10)}


@pytest.fixture(scope="module")
def scorer(digits: dict[int, np.ndarray]) -> Scorer:
    batches = Batches([digits[label][:80] for label in range(10)], stream=0)
    classifier = Trainer((8, 8, 1), 10, []).train(batches, 100, 0, lambda _: None)
    return Scorer(looker(classifier.get_weights(), (8, 8, 1)), digits[3][:80])


def test_other_real_images_of_the_class_score_best(scorer: Scorer, digits: dict[int, np.ndarray]) -> None:
    rest = digits[3][80:]
    real, other_class = scorer(rest), scorer(digits[1][:100])
    noise = scorer(np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8))
    assert abs(real.kid) < 0.2
    assert real.coverage > 0.8
    assert real.diversity == pytest.approx(1, abs=0.25)
    assert real.value < other_class.value
    assert real.value < noise.value
    assert other_class.coverage < 0.2


def test_one_image_repeated_has_collapsed_however_good_it_is(scorer: Scorer, digits: dict[int, np.ndarray]) -> None:
    repeated = scorer(np.repeat(digits[3][80:81], 100, axis=0))
    assert repeated.collapsed
    assert repeated.coverage < 0.5
    assert not scorer(digits[3][80:]).collapsed
    assert repeated.value > scorer(digits[3][80:]).value


def test_few_modes_repeated_score_worse_than_all(scorer: Scorer, digits: dict[int, np.ndarray]) -> None:
    assert scorer(np.tile(digits[3][80:83], (30, 1, 1, 1))).value > scorer(digits[3][80:]).value


def test_order_of_samples_does_not_matter(scorer: Scorer, digits: dict[int, np.ndarray]) -> None:
    samples = digits[3][80:]
    shuffled = samples[np.random.default_rng(0).permutation(len(samples))]
    assert scorer(samples).kid == pytest.approx(scorer(shuffled).kid, abs=1e-6)
    assert scorer(samples).coverage == scorer(shuffled).coverage


def test_kid_agrees_with_a_formula_in_float64(scorer: Scorer, digits: dict[int, np.ndarray]) -> None:
    samples = digits[3][80:]
    real = scorer._real
    fake = scorer._look(samples)[1].astype(np.float64) / scorer._scale
    d = real.shape[1]

    def mean(a: np.ndarray, b: np.ndarray, *, same: bool) -> float:
        values = [(x @ y / d + 1) ** 3 for i, x in enumerate(a) for j, y in enumerate(b) if not (same and i == j)]
        return float(np.mean(values))

    expected = mean(real, real, same=True) + mean(fake, fake, same=True) - 2 * mean(real, fake, same=False)
    assert scorer(samples).kid == pytest.approx(expected, abs=1e-9)


def test_two_real_images_are_enough(digits: dict[int, np.ndarray]) -> None:
    batches = Batches([digits[0][:5], digits[1][:5]], stream=0)
    classifier = Trainer((8, 8, 1), 2, []).train(batches, 5, 0, lambda _: None)
    look = looker(classifier.get_weights(), (8, 8, 1))
    assert np.isfinite(Scorer(look, digits[0][:2])(digits[0][2:10]).value)


def test_judges_scores_are_averaged_and_a_fold_of_one_image_is_left_out(
    scorer: Scorer, digits: dict[int, np.ndarray]
) -> None:
    look, real, samples = scorer._look, digits[3][:80], digits[3][80:]
    found = FoldScorer([look, look, look], [real[:50], real[50:51], real[51:]])(samples)
    first, last = Scorer(look, real[:50])(samples), Scorer(look, real[51:])(samples)
    expected = Score(*((a + b) / 2 for a, b in zip(astuple(first), astuple(last), strict=True)))
    assert astuple(found) == pytest.approx(astuple(expected))
