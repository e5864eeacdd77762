"""Classifiers that are trained one after the other by one compiled loop, as if each were the first."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from dcgan.networks.batches import Batches
from dcgan.networks.classifier import Trainer, make_classifier

SHAPE = (8, 8, 1)


def silent(_: Any) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def pools() -> list[np.ndarray]:
    """40 digits of each of ten classes, uint8 (40, 8, 8, 1)."""
    images, targets = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, *SHAPE) * 255 / 16).astype(np.uint8)
    return [pixels[targets == label][:40] for label in range(10)]


def with_batch_norm(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """A user's classifier with state of its own: moving averages, and a generator of random numbers."""
    image = keras.Input(image_shape)
    x = keras.layers.Dropout(0.2)(keras.layers.BatchNormalization()(keras.layers.Flatten()(image)))
    return keras.Model(image, keras.layers.Dense(num_classes)(x))


@pytest.mark.parametrize("build", [make_classifier, with_batch_norm])
def test_training_does_not_depend_on_those_before(pools: list[np.ndarray], build: Any) -> None:
    def weights(trainer: Trainer, seed: int, images: list[np.ndarray]) -> list[np.ndarray]:
        found: list[np.ndarray] = trainer.train(Batches(images, stream=seed), 4, seed, silent).get_weights()
        return found

    trainer, fewer = Trainer(SHAPE, 10, ["translation"], build=build), [images[:7] for images in pools]
    first = weights(trainer, 1, pools)
    others = [weights(trainer, 2, pools), weights(trainer, 1, fewer)]
    again = weights(trainer, 1, pools)
    alone = weights(Trainer(SHAPE, 10, ["translation"], build=build), 1, fewer)
    for one, same in ((first, again), (others[1], alone)):
        for expected, found in zip(one, same, strict=True):
            np.testing.assert_array_equal(found, expected)
    for other in others:
        assert any((one != two).any() for one, two in zip(first, other, strict=True))


def test_classifier_learns_and_tells_its_progress(pools: list[np.ndarray]) -> None:
    told: list[Any] = []
    trainer = Trainer(SHAPE, 10, [])
    trainer.train(Batches(pools, stream=0), 120, 0, told.append)
    assert [(report["done"], report["total"]) for report in told] == [(50, 120), (100, 120), (120, 120)]
    assert (trainer.logits(np.concatenate(pools)).argmax(1) == np.repeat(np.arange(10), 40)).mean() > 0.9
