"""Images in memory as one uint8 tensor, and stateless draws of training batches from it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Pools(NamedTuple):
    """Further images of each class, such as its synthetic ones."""

    images: Sequence[np.ndarray | None]
    """uint8 (m, H, W, C) of each class; None: it has none. An array that several classes share is laid out once."""
    shares: Sequence[float]
    """Of each class's draws: the probability that an image is drawn from here; 0 where there is none."""


class Batches(tf.experimental.ExtensionType):  # type: ignore[misc]  # TensorFlow has no types
    """Class-balanced batches from one to three pools of images per class.

    All images stand in one uint8 tensor, so that a batch is one gather inside the compiled training loop. A compiled
    function takes batches as an argument like a tensor, so that it is not compiled anew for other images.
    """

    images: tf.Tensor
    """All pools, one after the other: uint8 (N, H, W, C)."""
    counts: tf.Tensor
    """Images in each class's pools: int32 (K, 3). The last one is of its real images."""
    offsets: tf.Tensor
    """Where these begin: int32 (K, 3)."""
    bounds: tf.Tensor
    """A draw of 0 to 1 is of the first pool below the first of these, of the second below the other: float32 (K, 2)."""
    stream: tf.Tensor
    """`randomness.stream` key of the draws: int64 ()."""

    def __init__(self, real: Sequence[np.ndarray], *beside: Pools, stream: int) -> None:
        """Lay the images out.

        Args:
            real: uint8 (n, H, W, C) for each class; n at least 1, unless the shares of `beside` come to 1.
            beside: up to two further pools of each class. The share of the second is one of the draws that the first
                one leaves.
            stream: `randomness.stream` key of the draws.
        """
        none = Pools([None] * len(real), [0.0] * len(real))
        first, second = (*beside, none, none)[:2]
        of_classes = zip(first.images, second.images, real, strict=True)
        pools = [images if images is not None else real[0][:0] for of_class in of_classes for images in of_class]
        laid_out = {id(pool): pool for pool in pools}
        starts = itertools.accumulate((len(pool) for pool in laid_out.values()), initial=0)
        start_of = dict(zip(laid_out, starts, strict=False))
        bounds = [(one, one + (1 - one) * other) for one, other in zip(first.shares, second.shares, strict=True)]
        self.images = tf.constant(np.concatenate([*laid_out.values()]))
        self.counts = tf.constant(np.array([len(pool) for pool in pools], np.int32).reshape(-1, 3))
        self.offsets = tf.constant(np.array([start_of[id(pool)] for pool in pools], np.int32).reshape(-1, 3))
        self.bounds = tf.constant(bounds, tf.float32)
        self.stream = tf.constant(stream, tf.int64)

    def draw(self, step: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Batch number `step` (int64 scalar): images float32 (size, H, W, C) in [-1, 1] and labels int32 (size,)."""
        images, labels = self.pick(step, size)
        return to_float(images), labels

    def pick(self, step: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
        """The same with images as uint8 in 0..255."""
        num_classes = tf.shape(self.counts)[0]
        uniform = tf.random.stateless_uniform((3, size), seed=tf.stack([self.stream, step]), alg="philox")
        labels = tf.minimum(tf.cast(uniform[0] * tf.cast(num_classes, tf.float32), tf.int32), num_classes - 1)
        beyond = tf.cast(uniform[1][:, None] >= tf.gather(self.bounds, labels), tf.int32)
        pool = tf.stack([labels, tf.reduce_sum(beyond, axis=1)], axis=1)
        counts = tf.gather_nd(self.counts, pool)
        rows = tf.minimum(tf.cast(uniform[2] * tf.cast(counts, tf.float32), tf.int32), counts - 1)
        return tf.gather(self.images, tf.gather_nd(self.offsets, pool) + rows), labels


def spec_of_batches(image_shape: tuple[int, int, int]) -> tf.TypeSpec:
    """The `input_signature` of a function that takes `Batches` of any number of images (H, W, C) and classes."""
    shapes = {
        "images": ((None, *image_shape), tf.uint8),
        "counts": ((None, 3), tf.int32),
        "offsets": ((None, 3), tf.int32),
        "bounds": ((None, 2), tf.float32),
        "stream": ((), tf.int64),
    }
    return Batches.Spec(**{name: tf.TensorSpec(shape, dtype) for name, (shape, dtype) in shapes.items()})


def to_float(images: tf.Tensor) -> tf.Tensor:
    """uint8 in 0..255 to float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """float32 in [-1, 1] to uint8 in 0..255, rounded."""
    return tf.cast(tf.round(tf.clip_by_value((images + 1.0) * 127.5, 0.0, 255.0)), tf.uint8)
