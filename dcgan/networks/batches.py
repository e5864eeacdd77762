"""Images in memory as one uint8 tensor, and stateless draws of training batches from it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf


class Batches(tf.experimental.ExtensionType):  # type: ignore[misc]  # TensorFlow has no types
    """Class-balanced batches from one or two pools of images per class.

    All images stand in one uint8 tensor, so that a batch is one gather inside the compiled training loop. A compiled
    function takes batches as an argument like a tensor, so that it is not compiled anew for other images.
    """

    images: tf.Tensor
    """All pools, one after the other: uint8 (N, H, W, C)."""
    counts: tf.Tensor
    """Images in each class's two pools: int32 (K, 2)."""
    offsets: tf.Tensor
    """Where these begin: int32 (K, 2)."""
    shares: tf.Tensor
    """Of each class's draws that are from its second pool: float32 (K,)."""
    stream: tf.Tensor
    """`randomness.stream` key of the draws: int64 ()."""

    def __init__(
        self,
        real: Sequence[np.ndarray],
        *,
        stream: int,
        second: Sequence[np.ndarray | None] | None = None,
        shares: Sequence[float] | None = None,
    ) -> None:
        """Lay the images out.

        Args:
            real: uint8 (n, H, W, C) for each class; n at least 1.
            stream: `randomness.stream` key of the draws.
            second: each class's second pool, such as its synthetic images, uint8 (m, H, W, C), or None for a class
                that has none. An array that several classes share is laid out once.
            shares: for each class, the probability that an image is drawn from its second pool; 0 where it is empty.
        """
        beside = [images if images is not None else real[0][:0] for images in second or [None] * len(real)]
        pools = [pool for pair in zip(real, beside, strict=True) for pool in pair]
        laid_out = {id(pool): pool for pool in pools}
        starts = itertools.accumulate((len(pool) for pool in laid_out.values()), initial=0)
        start_of = dict(zip(laid_out, starts, strict=False))
        self.images = tf.constant(np.concatenate([*laid_out.values()]))
        self.counts = tf.constant(np.array([len(pool) for pool in pools], np.int32).reshape(-1, 2))
        self.offsets = tf.constant(np.array([start_of[id(pool)] for pool in pools], np.int32).reshape(-1, 2))
        self.shares = tf.constant(shares or [0.0] * len(real), tf.float32)
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
        pool = tf.stack([labels, tf.cast(uniform[1] < tf.gather(self.shares, labels), tf.int32)], axis=1)
        counts = tf.gather_nd(self.counts, pool)
        rows = tf.minimum(tf.cast(uniform[2] * tf.cast(counts, tf.float32), tf.int32), counts - 1)
        return tf.gather(self.images, tf.gather_nd(self.offsets, pool) + rows), labels


def spec_of_batches(image_shape: tuple[int, int, int]) -> tf.TypeSpec:
    """The `input_signature` of a function that takes `Batches` of any number of images (H, W, C) and classes."""
    shapes = {
        "images": ((None, *image_shape), tf.uint8),
        "counts": ((None, 2), tf.int32),
        "offsets": ((None, 2), tf.int32),
        "shares": ((None,), tf.float32),
        "stream": ((), tf.int64),
    }
    return Batches.Spec(**{name: tf.TensorSpec(shape, dtype) for name, (shape, dtype) in shapes.items()})


def to_float(images: tf.Tensor) -> tf.Tensor:
    """uint8 in 0..255 to float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_uint8(images: tf.Tensor) -> tf.Tensor:
    """float32 in [-1, 1] to uint8 in 0..255, rounded."""
    return tf.cast(tf.round(tf.clip_by_value((images + 1.0) * 127.5, 0.0, 255.0)), tf.uint8)
