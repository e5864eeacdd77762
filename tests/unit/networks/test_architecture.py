"""The networks take every size and shape that the job file allows, and are the paper's at the paper's size."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dcgan.config import SIDE_MAX, SIDE_MIN
from dcgan.networks import architecture
from dcgan.networks.architecture import make_discriminator, make_generator, num_stages, take_statistics

sides = st.integers(SIDE_MIN, SIDE_MAX)


def channels_of(network: keras.Model, kind: str) -> list[int]:
    """Channels that the network's layers of a kind put out, from input to output."""
    return [layer.output.shape[-1] for layer in network.layers if kind in _kinds(layer)]


def _kinds(layer: keras.layers.Layer) -> set[str]:
    return {one.__name__ for one in type(layer).__mro__}


def set_random_weights(network: keras.Model, seed: int) -> None:
    """Give a network weights that no two of are alike, statistics of its norms too."""
    draws = np.random.default_rng(seed)
    for variable in network.weights:
        low = 0.5 if "variance" in variable.path else -1.0
        variable.assign(draws.uniform(low, 1, variable.shape))


@settings(deadline=None, max_examples=12)
@given(sides, sides, st.sampled_from([1, 3]))
@example(8, 8, 1)
@example(256, 256, 3)
@example(8, 256, 3)
@example(255, 9, 1)
@example(28, 28, 1)
def test_every_size_from_8_to_256_is_made_and_judged(height: int, width: int, channels: int) -> None:
    shape = (height, width, channels)
    generator, discriminator = make_generator(5, shape, 4), make_discriminator(shape, 4)
    assert generator.output_shape == (None, *shape)
    assert discriminator.output_shape == (None, 1)
    coarsest = min(height, width) / 2 ** num_stages(height, width)
    assert 2.5 <= coarsest <= 6  # the first features see about 4 px


@pytest.mark.parametrize("shape", [(8, 8, 1), (30, 17, 3), (33, 64, 1)])
def test_images_come_out_whole_and_in_range(shape: tuple[int, int, int]) -> None:
    generator, discriminator = make_generator(5, shape, 4), make_discriminator(shape, 4)
    set_random_weights(generator, 0)
    images = generator(tf.random.stateless_normal((3, 5), [1, 2]), training=False)
    assert images.shape == (3, *shape)
    assert np.abs(images).max() <= 1
    # Made up to the borders: what is cropped is what stands over.
    made = np.asarray(images).std((0, 3)) > 0
    assert made.any(0).all() and made.any(1).all()
    assert discriminator(images).shape == (3, 1)


def test_networks_at_64_px_are_the_papers() -> None:
    shape = (64, 64, 3)
    generator, discriminator = make_generator(100, shape, 64), make_discriminator(shape, 64)
    assert generator.input_shape in ((None, 100), [(None, 100)])
    assert channels_of(generator, "Reshape") == [512]
    assert generator.get_layer("norm_0").output.shape == (None, 4, 4, 512)
    assert channels_of(generator, "BatchNormalization") == [512, 256, 128, 64]
    assert channels_of(generator, "Conv2DTranspose") == [256, 128, 64, 3]
    assert channels_of(discriminator, "Conv2D") == [64, 128, 256, 512]
    assert channels_of(discriminator, "BatchNormalization") == [128, 256, 512]  # none at its input
    assert [layer.output.shape[1] for layer in discriminator.layers if "Conv2D" in type(layer).__name__] == [
        32,
        16,
        8,
        4,
    ]
    assert all(
        layer.negative_slope == 0.2 for layer in discriminator.layers if isinstance(layer, keras.layers.LeakyReLU)
    )
    assert generator.get_layer("to_image").activation is keras.activations.tanh


def test_channels_stop_doubling_where_the_papers_do() -> None:
    assert channels_of(make_generator(5, (256, 256, 1), 4), "BatchNormalization") == [32, 32, 32, 16, 8, 4]


def test_weights_begin_as_in_the_paper() -> None:
    generator = make_generator(100, (32, 32, 3), 64)
    kernels = [variable.numpy() for variable in generator.weights if variable.path.endswith("kernel")]
    assert len(kernels) == 4
    for kernel in kernels:
        assert abs(kernel.std() - 0.02) < 0.001 and abs(kernel.mean()) < 0.001


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("mixed_bfloat16", 0.05)])
def test_the_fused_norm_trains_as_that_of_keras_does(precision: str, tolerance: float) -> None:
    images = tf.constant(np.random.default_rng(3).normal(2, 3, (16, 8, 8, 5)), tf.float32)
    found = []
    for layer_class in (keras.layers.BatchNormalization, architecture._FusedBatchNorm):
        layer = layer_class(momentum=0.9, epsilon=1e-5, dtype=precision)
        layer.build(images.shape)
        layer.gamma.assign([0.5, 1, 2, -1, 0.1])
        layer.beta.assign([0, 1, -1, 3, 0])
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = tf.cast(layer(tf.cast(images, layer.compute_dtype), training=True), tf.float32)
            loss = tf.reduce_sum(tf.sin(outputs))
        gradients = tape.gradient(loss, [images, layer.gamma.value, layer.beta.value])
        found.append([outputs, *gradients, layer.moving_mean, layer.moving_variance])
    keras_found, fused_found = found
    # The fused one's running variance is that of a sample and not of a population: 1024 / 1023 of it here.
    fused_found[-1] = 0.9 + (fused_found[-1] - 0.9) * 1023 / 1024
    for one, other in zip(keras_found, fused_found, strict=True):
        assert np.abs(one - other).max() <= tolerance * (1 + np.abs(one).max())


def networks_with_random_weights() -> list[tuple[keras.Model, list[tf.Tensor]]]:
    """A generator and a discriminator, each with three batches of what it takes, far from what its norms have seen."""
    generator, discriminator = make_generator(6, (16, 16, 1), 4), make_discriminator((16, 16, 1), 4)
    found = []
    for seed, (network, shape) in enumerate([(generator, (64, 6)), (discriminator, (64, 16, 16, 1))]):
        set_random_weights(network, seed)
        draws = np.random.default_rng(seed)
        batches = [tf.constant(draws.normal(mean, 0.7, shape), tf.float32) for mean in (0.5, -0.2, 0.0)]
        found.append((network, batches))
    return found


def norms_of(network: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]


def relative(found: tf.Tensor, expected: tf.Tensor) -> float:
    """The largest difference, by how much the expected values differ among themselves."""
    return float(np.abs(np.asarray(found) - np.asarray(expected)).max() / np.asarray(expected).std())


def test_a_network_computes_the_same_after_taking_statistics() -> None:
    for network, (first, second, other) in networks_with_random_weights():
        before = [network(batch, training=False) for batch in (first, second, other)]
        statistics = [norm.moving_mean.numpy() for norm in norms_of(network)]
        take_statistics(network, [first, second])
        for batch, expected in zip((first, second, other), before, strict=True):
            assert relative(network(batch, training=False), expected) < 1e-3
        moved = zip(norms_of(network), statistics, strict=True)
        assert all(np.abs(norm.moving_mean.numpy() - was).max() > 0.05 for norm, was in moved)


def test_a_network_that_took_a_batchs_statistics_computes_the_same_on_it_in_training() -> None:
    for network, (batch, _, _) in networks_with_random_weights():
        expected = network(batch, training=False)
        assert relative(network(batch, training=True), expected) > 0.1
        set_random_weights(network, 5)  # training has moved the statistics
        expected = network(batch, training=False)
        take_statistics(network, [batch])
        assert relative(network(batch, training=True), expected) < 1e-3


def test_statistics_of_several_batches_are_averaged() -> None:
    for network, (first, second, _) in networks_with_random_weights():
        norm = norms_of(network)[0]
        inputs = keras.Model(network.inputs, norm.input)
        seen = [
            np.asarray(inputs(batch, training=False)).reshape(-1, norm.input.shape[-1]) for batch in (first, second)
        ]
        take_statistics(network, [first, second])
        np.testing.assert_allclose(norm.moving_mean, np.mean([one.mean(0) for one in seen], 0), atol=1e-5)
        np.testing.assert_allclose(norm.moving_variance, np.mean([one.var(0) for one in seen], 0), rtol=1e-4)
