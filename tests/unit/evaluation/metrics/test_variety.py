"""Variety: the mean distance of pairs, blind to light and texture, low for a collapse that spares the quality."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from dcgan.evaluation.metrics.variety import variety


def threes() -> np.ndarray:
    """183 handwritten threes, uint8 (183, 8, 8, 1)."""
    images, targets = load_digits(return_X_y=True)
    threes: np.ndarray = (images.reshape(-1, 8, 8, 1) * 255 / 16).astype(np.uint8)[targets == 3]
    return threes


def large(images: np.ndarray, side: int = 16) -> np.ndarray:
    """The same with every pixel a square."""
    return images.repeat(side // 8, 1).repeat(side // 8, 2)


def value(real: np.ndarray, synthetic: np.ndarray) -> float:
    measured = variety(real, synthetic).value
    assert measured is not None
    return measured


def test_is_the_distance_of_pairs_by_that_of_real_pairs() -> None:
    real, made = (large(images) for images in (threes()[:90], threes()[90:, ::-1]))

    def apart(images: np.ndarray) -> float:
        flat = images.reshape(len(images), -1).astype(np.float64)
        flat = (flat - flat.mean(1, keepdims=True)) / flat.std(1, keepdims=True)
        squares = [((one - other) ** 2).sum() for n, one in enumerate(flat) for other in flat[:n]]
        return float(np.sqrt(np.mean(squares)))

    assert value(real, made) == pytest.approx(apart(made) / apart(real), rel=1e-3)


def test_other_real_images_vary_as_much() -> None:
    images = threes()
    assert value(images, images) == 1
    assert value(images[::2], images[1::2]) == pytest.approx(1, abs=0.05)


def test_one_image_again_and_again_varies_hardly_and_few_images_vary_less() -> None:
    images = threes()
    assert value(images, images[:1].repeat(50, 0)) < 0.02
    assert 0.5 < value(images, images[:3].repeat(20, 0)) < 0.9


def test_light_contrast_and_texture_do_not_count() -> None:
    real, draws = large(threes(), 64), np.random.default_rng(0)
    one = real[:1].repeat(50, 0).astype(float)
    lit = one * draws.uniform(0.4, 0.7, (50, 1, 1, 1)) + draws.uniform(0, 70, (50, 1, 1, 1))
    noisy = np.clip(one + draws.normal(0, 40, one.shape), 0, 255)
    assert value(real, lit.astype(np.uint8)) < 0.05
    assert value(real, noisy.astype(np.uint8)) < 0.3


def test_order_does_not_matter() -> None:
    images = threes()
    assert value(images[::-1], images[:50][::-1]) == pytest.approx(value(images, images[:50]), rel=1e-9)


def test_few_or_equal_images_give_a_reason_or_a_finite_value() -> None:
    images = threes()
    assert variety(images, images[:10]).note == "10 images, at least 11 are needed"
    alike = images[:1].repeat(20, 0)
    assert value(alike, alike) == 1
    assert np.isfinite(value(alike, images))
    one_differs = np.concatenate([alike, images[1:2]])
    assert np.isfinite(variety(one_differs, images).error or np.inf)


def test_error_is_about_how_much_other_samples_would_differ() -> None:
    draws, images = np.random.default_rng(0), threes()
    measured = [variety(images[draws.choice(183, 40)], images[draws.choice(183, 40)]) for _ in range(40)]
    spread = np.std([one.value for one in measured if one.value is not None])
    told = np.mean([one.error for one in measured if one.error is not None])
    assert told == pytest.approx(spread, rel=0.4)
