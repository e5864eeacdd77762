"""Classifiers that `utility.py` trains: a small one, and a residual one with stronger augmentation."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from dcgan.evaluation.recipes import GUESSED
from dcgan.evaluation.utility import beside
from dcgan.execution import randomness
from dcgan.networks.augmentation import augment, mix
from dcgan.networks.batches import Batches, Pools, to_float


def small(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Two convolutions and one hidden layer."""
    image = keras.Input(image_shape)
    x = layers.MaxPool2D()(layers.Conv2D(32, 3, activation="relu")(image))
    x = layers.MaxPool2D()(layers.Conv2D(64, 3, activation="relu")(x))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return keras.Model(image, layers.Dense(num_classes)(layers.Dense(128, activation="relu")(x)))


def resnet(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Pre-activation residual blocks of 16, 32 and 64 channels (He et al. 2016b), one at each size."""
    image = keras.Input(image_shape)
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(image)
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        y = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        shortcut = layers.Conv2D(channels, 1, stride, use_bias=False)(y) if stride > 1 else x
        y = layers.Conv2D(channels, 3, stride, "same", use_bias=False)(y)
        y = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(y))
        x = layers.Add()([shortcut, layers.Conv2D(channels, 3, padding="same", use_bias=False)(y)])
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(image, layers.Dense(num_classes)(layers.GlobalAveragePooling2D()(x)))


def train_and_predict(
    name: str,
    real: Sequence[np.ndarray],
    synthetic: Sequence[np.ndarray | None],
    share: float,
    tested: np.ndarray,
    seed: int,
    *,
    guessed: Sequence[np.ndarray | None],
    flip: bool,
    mixup: bool,
    rand_augment: bool,
    bent: bool,
) -> np.ndarray:
    """Class numbers (N,) that one freshly trained classifier gives to `tested`, uint8 (N, H, W, C)."""
    steps, size = (1500, 128) if name == "small" else (1200, 96)
    kinds = ["brightness", "translation"] if name == "small" else ["translation", "contrast", "cutout"]
    kinds += ["flip"] if flip and name == "resnet" else []
    kinds += ["rotation", "elastic"] if bent else []
    shares = [share if made is not None else 0.0 for made in synthetic]
    # Streams of their own: were the same draws to choose a label and a brightness, one would tell the other.
    batch_stream, augment_stream, mixup_stream = (
        randomness.stream(seed, "", kind) for kind in ("batch", "augment", "mixup")
    )
    batches = Batches(real, Pools(synthetic, shares), beside(real, guessed, GUESSED), stream=batch_stream)
    num_classes = len(real)
    keras.utils.set_random_seed(seed)
    model = {"small": small, "resnet": resnet}[name](tuple(tested.shape[1:]), num_classes)
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    optimizer = keras.optimizers.Adam(schedule) if name == "small" else keras.optimizers.AdamW(schedule, 1e-3)
    optimizer.build(model.trainable_variables)
    distort = layers.RandAugment(value_range=(-1, 1), num_ops=2, factor=0.4, seed=seed) if rand_augment else None

    @tf.function
    def run(first: tf.Tensor, count: tf.Tensor) -> None:
        for step in tf.range(first, first + count):
            images, labels = batches.draw(step, size)
            images = augment(images, kinds, augment_stream, step)
            if distort is not None:
                images = distort(images, training=True)
            targets = tf.one_hot(labels, num_classes)
            if mixup:
                images, targets = mix(images, targets, tf.constant(mixup_stream, tf.int64), step)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, model(images, training=True)))
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    for first in range(0, steps, 100):
        run(tf.constant(first, tf.int64), tf.constant(min(100, steps - first), tf.int64))
    parts = [model(to_float(tested[row : row + 500]), training=False) for row in range(0, len(tested), 500)]
    return np.asarray(np.concatenate(parts).argmax(1))
