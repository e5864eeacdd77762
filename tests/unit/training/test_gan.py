"""What a class takes over from the shared base: the networks, which go on computing what the base's did."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan.config import TrainingConfig
from dcgan.execution import randomness
from dcgan.networks.batches import Batches
from dcgan.training.gan import Gan

CONFIG = TrainingConfig(preset="quick", width=4, latent_dim=6, batch_size=16, log_steps=5).resolve()
SHAPE = (16, 16, 1)


def normal(seed: int, *shape: int, mean: float = 0.0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(mean, 1, shape), tf.float32)


@pytest.fixture(scope="module")
def base() -> Gan:
    """A base that has trained for some steps on images of two kinds."""
    draws = np.random.default_rng(0)
    dark, light = (draws.integers(low, low + 100, (40, *SHAPE)).astype(np.uint8) for low in (0, 150))
    gan = Gan(CONFIG, SHAPE)
    gan.initialize(randomness.stream(0, "base", "weights"))
    run = gan.stretch(Batches([dark, light], stream=1), 0, "base")
    run(tf.constant(0, tf.int64), tf.constant(30, tf.int64))
    return gan


@pytest.fixture
def started(base: Gan) -> Gan:
    """A class's GAN that starts from it, and has other weights before."""
    gan = Gan(CONFIG, SHAPE)
    gan.initialize(randomness.stream(0, "class", "weights"))
    gan.start_from(base.arrays(), normal(1, 128, CONFIG.latent_dim), dark_images())
    return gan


def dark_images() -> tf.Tensor:
    """Of one class: another mean than that of all."""
    return tf.clip_by_value(normal(2, 64, *SHAPE, mean=-0.8), -1, 1)


def difference(one: tf.Tensor, other: tf.Tensor) -> float:
    """The largest, by how much the values differ among themselves."""
    return float(np.abs(np.asarray(one) - np.asarray(other)).max() / np.asarray(other).std())


def test_networks_compute_what_the_bases_do(base: Gan, started: Gan) -> None:
    latents, images = normal(3, 20, CONFIG.latent_dim), normal(4, 20, *SHAPE)
    assert difference(started.generator(latents, training=False), base.generator(latents, training=False)) < 1e-3
    assert difference(started.discriminator(images, training=False), base.discriminator(images, training=False)) < 1e-3


def test_kernels_are_the_bases(base: Gan, started: Gan) -> None:
    kernels = 0
    for of_base, of_class in ((base.generator, started.generator), (base.discriminator, started.discriminator)):
        for before, after in zip(of_base.weights, of_class.weights, strict=True):
            if before.path.endswith(("kernel", "bias")):
                kernels += 1
                np.testing.assert_array_equal(before, after)
    assert kernels >= 6


def test_norms_have_the_statistics_of_the_class(base: Gan, started: Gan) -> None:
    # The first norm of the discriminator sees the class's images and the base's fakes, each by themselves.
    def norm(gan: Gan) -> keras.layers.Layer:
        return next(one for one in gan.discriminator.layers if isinstance(one, keras.layers.BatchNormalization))

    inputs = keras.Model(base.discriminator.inputs, norm(base).input)
    fakes = base.generator(normal(1, 128, CONFIG.latent_dim), training=False)
    means = [np.asarray(inputs(images, training=False)).mean((0, 1, 2)) for images in (dark_images(), fakes)]
    np.testing.assert_allclose(norm(started).moving_mean, np.mean(means, 0), atol=1e-4)
    assert np.abs(norm(started).moving_mean - norm(base).moving_mean).max() > 10 * 1e-4


def test_first_step_begins_with_what_the_base_had_learnt(base: Gan, started: Gan) -> None:
    """In training, by the statistics of its batch, the generator makes about what the base makes in inference."""
    latents = normal(1, 128, CONFIG.latent_dim)  # those whose statistics it took
    made = base.generator(latents, training=False)
    assert difference(started.generator(latents, training=True), made) < 1e-3


def test_a_gan_that_has_trained_begins_anew_as_a_fresh_one_does(base: Gan) -> None:
    again, fresh = Gan(CONFIG, SHAPE), Gan(CONFIG, SHAPE)
    again.restore(base.arrays())
    for gan in (again, fresh):
        gan.reset_optimizers()
        gan.initialize(5)
    assert again.arrays().keys() == fresh.arrays().keys()
    for name, array in fresh.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array, err_msg=name)


def test_average_begins_at_the_generator_and_optimizers_at_nothing(base: Gan, started: Gan) -> None:
    for average, weight in zip(started.ema.weights, started.generator.weights, strict=True):
        np.testing.assert_array_equal(average, weight)
    for optimizer in (started.generator_optimizer, started.discriminator_optimizer):
        assert not any(np.any(variable) for variable in optimizer.variables if "learning_rate" not in variable.path)
    assert any(np.any(variable) for variable in base.generator_optimizer.variables)  # the base's are not carried over
