"""GAN-train and GAN-test with real classifiers on real digits, and synthetic ones that are built to fail in one way."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from dcgan.evaluation.metrics.base import Measured
from dcgan.evaluation.metrics.gan_train_test import gan_train_test
from dcgan.execution.progress import Progress

Digits = list[np.ndarray]


@pytest.fixture(scope="module")
def digits() -> Digits:
    data = load_digits()
    images = (data.images * 255 / 16).astype(np.uint8)[..., None]
    return [images[data.target == label] for label in (0, 1, 7)]


def measured(
    digits: Digits, synthetic: Digits, holdout: Digits | None = None, told: list[Progress] | None = None
) -> list[dict[str, Measured]]:
    train = [images[:60] for images in digits]
    return gan_train_test(
        train,
        [images[60:100] for images in digits] if holdout is None else holdout,
        synthetic,
        steps=100,
        seed=0,
        kinds=[],
        on_progress=(told if told is not None else []).append,
    )


def values(result: list[dict[str, Measured]], name: str) -> list[float]:
    return [one[name].value for one in result if (one[name].value is not None)]  # type: ignore[misc]


def test_other_real_images_reach_the_ceiling_of_both_and_progress_goes_on(digits: Digits) -> None:
    told: list[Progress] = []
    result = measured(digits, [images[100:150] for images in digits], told=told)
    for one in result:
        for metric in one.values():
            assert metric.value is not None and metric.value >= 0.9
            assert metric.ceiling is not None and metric.ceiling >= 0.9
    assert [report["done"] for report in told] == [50, 100, 150, 200]
    assert {report["total"] for report in told} == {200}


def test_images_of_the_wrong_class_teach_and_show_the_wrong_class(digits: Digits) -> None:
    zeros, ones, sevens = (images[100:150] for images in digits)
    result = measured(digits, [zeros, sevens, ones])
    assert values(result, "gan_train")[0] > 0.9 and max(values(result, "gan_train")[1:]) < 0.1
    assert values(result, "gan_test")[0] > 0.9 and max(values(result, "gan_test")[1:]) < 0.1


def test_noise_teaches_little_however_many_images_it_is(digits: Digits) -> None:
    draws = np.random.default_rng(0)
    noise = [draws.integers(0, 256, (200, 8, 8, 1), np.uint8) for _ in digits]
    assert np.mean(values(measured(digits, noise), "gan_train")) < 0.7


def test_without_held_out_images_only_gan_test_is_measured(digits: Digits) -> None:
    few = [digits[0][:0], *(images[60:100] for images in digits[1:])]
    first, second, _ = measured(digits, [images[100:110] for images in digits], holdout=few)
    assert first["gan_train"].value is None and first["gan_train"].note == "no held-out image"
    assert first["gan_test"].value is not None and first["gan_test"].ceiling is None
    assert second["gan_train"].value is not None
