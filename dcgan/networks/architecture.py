"""The DCGAN of Radford, Metz and Chintala (2016, section 3), for any size from 8 to 256 px, grey or colour.

Strided and transposed convolutions only, BatchNorm in both networks (not at the generator's output nor at the
discriminator's input), ReLU in the generator with tanh at its end, LeakyReLU 0.2 in the discriminator, weights
from N(0, 0.02). At 64 x 64 px with width 64 the generator has the paper's shape: 4 x 4 x 512, 256, 128, 64 channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import layers

KERNEL = 4  # even, so that stride 2 covers every pixel equally often: no checkerboard (Odena et al. 2016)
MAX_CHANNELS_FACTOR = 8  # the paper stops doubling at 512 = 8 x 64 channels
BATCH_NORM_MOMENTUM = 0.9  # the default of 0.99 lags far behind in fine-tunes of some hundred steps


def num_stages(height: int, width: int) -> int:
    """How often the image is halved, until its shorter side is about 4 px."""
    return max(1, round(math.log2(min(height, width) / 4)))


def make_generator(latent_dim: int, image_shape: tuple[int, int, int], width: int) -> keras.Model:
    """Latent vectors (N, latent_dim) ~ N(0, 1) to images (N, H, W, C).

    Args:
        latent_dim: numbers in a latent vector.
        image_shape: (H, W, C); sides that are not a multiple of 2**stages are made larger and cropped at the end.
        width: channels at the finest hidden resolution.

    Returns:
        A model with images in [-1, 1].
    """
    height, breadth, channels = image_shape
    stages = num_stages(height, breadth)
    rows, columns = (math.ceil(side / 2**stages) for side in (height, breadth))
    filters = [width * min(2**stage, MAX_CHANNELS_FACTOR) for stage in reversed(range(stages))]

    latent = keras.Input((latent_dim,), name="latent")
    x = layers.Dense(rows * columns * filters[0], kernel_initializer=_normal(), name="project")(latent)
    x = layers.Reshape((rows, columns, filters[0]))(x)
    x = _norm("norm_0")(x)
    x = layers.ReLU()(x)
    for stage, count in enumerate(filters[1:], start=1):
        up = layers.Conv2DTranspose(
            count, KERNEL, 2, "same", use_bias=False, kernel_initializer=_normal(), name=f"up_{stage}"
        )
        x = _norm(f"norm_{stage}")(up(x))
        x = layers.ReLU()(x)
    x = layers.Conv2DTranspose(
        channels, KERNEL, 2, "same", activation="tanh", kernel_initializer=_normal(), name="to_image"
    )(x)
    over_rows, over_columns = rows * 2**stages - height, columns * 2**stages - breadth
    if over_rows or over_columns:
        top, left = over_rows // 2, over_columns // 2
        x = layers.Cropping2D(((top, over_rows - top), (left, over_columns - left)))(x)
    return keras.Model(latent, x, name="generator")


def make_discriminator(image_shape: tuple[int, int, int], width: int) -> keras.Model:
    """Images (N, H, W, C) in [-1, 1] to logits (N, 1), larger for what looks real. Mirrors the generator."""
    image = keras.Input(image_shape, name="image")
    x = layers.Conv2D(width, KERNEL, 2, "same", kernel_initializer=_normal(), name="from_image")(image)
    x = layers.LeakyReLU(0.2)(x)
    for stage in range(1, num_stages(*image_shape[:2])):
        count = width * min(2**stage, MAX_CHANNELS_FACTOR)
        down = layers.Conv2D(
            count, KERNEL, 2, "same", use_bias=False, kernel_initializer=_normal(), name=f"down_{stage}"
        )
        x = _norm(f"norm_{stage}")(down(x))
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Flatten()(x)
    logit = layers.Dense(1, kernel_initializer=_normal(), name="logit")(x)
    return keras.Model(image, logit, name="discriminator")


def take_statistics(network: keras.Model, batches: Sequence[tf.Tensor]) -> None:
    """Give every BatchNorm of a network the statistics of these batches, and leave what the network computes as it is.

    A BatchNorm maps x to scale * (x - mean) / deviation + offset. Other mean and deviation are made up for by scale and
    offset, so that the network computes the same in inference, and about the same when it normalises by batches alike.

    Args:
        network: one input.
        batches: of that input; each is normalised by itself in training, and their statistics are averaged.
    """
    norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    if not norms:
        return
    inputs_of_norms = keras.Model(network.inputs, [norm.input for norm in norms])
    seen = [keras.tree.flatten(inputs_of_norms(batch, training=False)) for batch in batches]
    for norm, values in zip(norms, zip(*seen, strict=True), strict=True):
        axes = list(range(len(norm.input.shape) - 1))
        moments = [tf.nn.moments(tf.cast(value, tf.float32), axes) for value in values]
        mean, variance = (tf.add_n(parts) / len(parts) for parts in zip(*moments, strict=True))
        before = tf.sqrt(norm.moving_variance + norm.epsilon)
        norm.beta.assign(norm.beta + norm.gamma * (mean - norm.moving_mean) / before)
        norm.gamma.assign(norm.gamma * tf.sqrt(variance + norm.epsilon) / before)
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)


def _normal() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, 0.02)


def _norm(name: str) -> layers.Layer:
    return _FusedBatchNorm(momentum=BATCH_NORM_MOMENTUM, epsilon=1e-5, name=name)


class _FusedBatchNorm(layers.BatchNormalization):  # type: ignore[misc]  # Keras has no types
    """BatchNorm of feature maps by TensorFlow's fused operation, where Keras takes a dozen passes over memory.

    A step of the published network is 5 % shorter by it in float32 and 15 % in bfloat16 (benchmarks/RESULTS.md).
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        if not training:
            return super().call(inputs, training=False, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        for average, seen in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(seen + self.momentum * (average - seen))
        return outputs
