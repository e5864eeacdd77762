"""Differentiable augmentation (Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training").

Applied alike to real and generated images, so that the discriminator cannot learn a small class by heart; gradients
flow through to the generator. The classifiers use the same functions as their classical augmentation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

BRIGHTNESS = 0.25  # of the range [-1, 1], either way; 0.5 in the paper is for colour photographs
TRANSLATION = 0.125  # of the side, either way, as in the paper
CUTOUT = 0.5  # of the side, as in the paper
ROTATION = 15.0  # degrees, either way
ELASTIC_GRID = 4  # displacements along each side; Ronneberger et al. 2015 ("U-Net", section 3.1) have 3
ELASTIC = 0.04  # their standard deviation, of the side; 0.02 in that paper
MIXUP = 0.2  # both parameters of the Beta distribution: most images stay nearly themselves, as in the paper


def augment(images: tf.Tensor, kinds: Sequence[str], stream: int | tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Apply the named augmentations, each image with its own draw.

    Args:
        images: float32 (N, H, W, C) in [-1, 1].
        kinds: keys of `AUGMENTATIONS`, applied in this order.
        stream: `randomness.stream` key of the draws, and of no others: equal keys draw equal numbers.
        step: int64 scalar.
    """
    for number, kind in enumerate(kinds):
        seed = tf.stack([tf.convert_to_tensor(stream, tf.int64) + number, step])
        images = AUGMENTATIONS[kind](images, seed)
    return images


def mix(images: tf.Tensor, targets: tf.Tensor, stream: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixup (Zhang et al. 2018, section 2): each image of a batch becomes one with another, and so do their targets.

    Args:
        images: float32 (N, H, W, C).
        targets: float32 (N, K), one-hot labels.
        stream: `randomness.stream` key of the draws, and of no others: equal keys draw equal numbers.
        step: int64 scalar.
    """
    # A draw of the Beta distribution from two of the Gamma distribution.
    one, other = tf.unstack(tf.random.stateless_gamma((2, len(images)), tf.stack([stream, step]), MIXUP))
    part = one / (one + other)
    mixed = _per_image(part) * images + (1 - _per_image(part)) * images[::-1]
    return mixed, part[:, None] * targets + (1 - part[:, None]) * targets[::-1]


def _uniform(images: tf.Tensor, seed: tf.Tensor, columns: int) -> tf.Tensor:
    """Uniform draws (N, columns) in [0, 1)."""
    return tf.random.stateless_uniform((tf.shape(images)[0], columns), seed, alg="philox")


def _per_image(values: tf.Tensor) -> tf.Tensor:
    return tf.reshape(values, (-1, 1, 1, 1))


def _brightness(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return images + _per_image((2 * _uniform(images, seed, 1) - 1) * BRIGHTNESS)


def _contrast(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    return (images - mean) * _per_image(_uniform(images, seed, 1) + 0.5) + mean


def _saturation(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    mean = tf.reduce_mean(images, axis=3, keepdims=True)
    return (images - mean) * _per_image(_uniform(images, seed, 1) * 2) + mean


def _translation(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Shift by whole pixels; what comes in from outside is -1 (black)."""
    height, width = images.shape[1:3]
    uniform = _uniform(images, seed, 2)
    for axis, side in ((1, height), (2, width)):
        reach = max(1, round(side * TRANSLATION))
        padding = [[0, 0]] * 4
        padding[axis] = [reach, reach]
        start = tf.cast(uniform[:, axis - 1 : axis] * (2 * reach + 1), tf.int32)
        padded = tf.pad(images, padding, constant_values=-1.0)
        images = tf.gather(padded, start + tf.range(side)[None], axis=axis, batch_dims=1)
    return images


def _cutout(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """A square of half the side becomes 0 (mid-grey), as in the paper."""
    uniform = _uniform(images, seed, 2)
    inside = tf.constant(True)
    for axis, side in enumerate(images.shape[1:3]):
        centre = tf.floor(uniform[:, axis : axis + 1] * side)
        near = tf.abs(tf.range(side, dtype=tf.float32)[None] - centre) < side * CUTOUT / 2
        inside = tf.logical_and(inside, tf.expand_dims(near, 2 - axis))
    return tf.where(inside[..., None], 0.0, images)


def _flip(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return tf.where(_per_image(_uniform(images, seed, 1)) < 0.5, tf.reverse(images, [2]), images)


def _rotation(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Turn about the centre."""
    angle = (2 * _uniform(images, seed, 1)[..., None] - 1) * math.radians(ROTATION)
    rows, columns = _places(images)
    middle, centre = ((side - 1) / 2 for side in images.shape[1:3])
    down, across = rows - middle, columns - centre
    turned_rows = tf.cos(angle) * down - tf.sin(angle) * across + middle
    return _taken_from(images, turned_rows, tf.sin(angle) * down + tf.cos(angle) * across + centre)


def _elastic(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Bend smoothly: displacements are drawn on a coarse grid, and between its points they are cubic."""
    height, width = images.shape[1:3]
    drawn = tf.random.stateless_normal((tf.shape(images)[0], ELASTIC_GRID, ELASTIC_GRID, 2), seed, alg="philox")
    moved = tf.image.resize(drawn * ELASTIC, (height, width), "bicubic")
    rows, columns = _places(images)
    return _taken_from(images, rows + moved[..., 0] * height, columns + moved[..., 1] * width)


def _places(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The rows (H, 1) and columns (1, W) of an image's pixels."""
    height, width = images.shape[1:3]
    return tf.range(height, dtype=tf.float32)[:, None], tf.range(width, dtype=tf.float32)[None]


def _taken_from(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Each pixel from another place (N, H, W) of its image; linear between pixels, and the edge's beyond the edge."""
    height, width = images.shape[1:3]
    rows, columns = tf.clip_by_value(rows, 0.0, height - 1.0), tf.clip_by_value(columns, 0.0, width - 1.0)
    top, left = tf.floor(rows), tf.floor(columns)
    pixels = tf.reshape(images, (-1, height * width, images.shape[3]))

    def at(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        place = tf.minimum(row, height - 1.0) * width + tf.minimum(column, width - 1.0)
        return tf.reshape(
            tf.gather(pixels, tf.cast(tf.reshape(place, (-1, height * width)), tf.int32), batch_dims=1),
            (-1, height, width, images.shape[3]),
        )

    down, across = (rows - top)[..., None], (columns - left)[..., None]
    above = (1 - across) * at(top, left) + across * at(top, left + 1)
    below = (1 - across) * at(top + 1, left) + across * at(top + 1, left + 1)
    return (1 - down) * above + down * below


AUGMENTATIONS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "translation": _translation,
    "brightness": _brightness,
    "contrast": _contrast,
    "saturation": _saturation,
    "cutout": _cutout,
    "flip": _flip,
    "rotation": _rotation,
    "elastic": _elastic,
}
