"""A small classifier of the job's real images.

It serves twice: as judge of single candidates (how sure is it of their class?), and to measure utility: the same
network trained without and with the synthetic images, tested on held-out real ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from dcgan import randomness, storage
from dcgan.augmentation import augment
from dcgan.batches import Batches, to_float
from dcgan.config import JobConfig
from dcgan.networks import num_stages
from dcgan.paths import Run
from dcgan.progress import OnProgress
from dcgan.split import labels_with_images

BATCH_SIZE = 128
LEARNING_RATE = 1e-3  # Adam's default; decays to 0 along a cosine
STRETCH = 50  # steps inside one compiled call
PREDICTION_BATCH = 256


def make_classifier(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Images (N, H, W, C) in [-1, 1] to logits (N, num_classes): convolutions to about 7 x 7, then 128 features."""
    image = keras.Input(image_shape)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(image)
    x = layers.MaxPool2D(2)(x)
    for stage in range(num_stages(*image_shape[:2]) - 2):
        x = layers.Conv2D(64 * min(2**stage, 2), 3, 2, "same", activation="relu")(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    x = layers.Dense(128, activation="relu", name="features")(x)
    return keras.Model(image, layers.Dense(num_classes)(x))


def train_classifier(
    batches: Batches,
    num_classes: int,
    num_steps: int,
    seed: int,
    kinds: list[Any],
    on_progress: OnProgress,
    build: Callable[[tuple[int, int, int], int], keras.Model] = make_classifier,
) -> keras.Model:
    """Train a classifier; all its randomness follows from `seed`.

    Args:
        batches: class-balanced draws of training images.
        num_classes: labels are 0 to num_classes - 1.
        num_steps: optimizer steps.
        seed: of weights, dropout and augmentation.
        kinds: classical augmentations, keys of `augmentation.AUGMENTATIONS`.
        on_progress: told after each stretch of steps.
        build: from (H, W, C) and number of classes, a model of images in [-1, 1] that gives logits.
    """
    keras.utils.set_random_seed(seed)
    model = build(tuple(batches.images.shape[1:]), num_classes)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, num_steps))
    optimizer.build(model.trainable_variables)
    stream = randomness.stream(seed, "", "classical augmentation")

    @tf.function(reduce_retracing=True)
    def run_steps(first: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        loss = tf.constant(0.0)
        for step in tf.range(first, first + count):
            images, labels = batches.draw(step, BATCH_SIZE)
            with tf.GradientTape() as tape:
                logits = model(augment(images, kinds, stream, step), training=True)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    for first in range(0, num_steps, STRETCH):
        count = min(STRETCH, num_steps - first)
        began = time.monotonic()
        run_steps(tf.constant(first, tf.int64), tf.constant(count, tf.int64))
        rate = count * BATCH_SIZE / (time.monotonic() - began)
        on_progress({"done": first + count, "total": num_steps, "rate": rate})
    return model


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Probabilities float32 (N, num_classes) for uint8 (N, H, W, C)."""
    classify = tf.function(lambda batch: tf.nn.softmax(model(to_float(batch), training=False)), reduce_retracing=True)
    parts = [classify(tf.constant(images[i : i + PREDICTION_BATCH])) for i in range(0, len(images), PREDICTION_BATCH)]
    return np.concatenate([np.asarray(part) for part in parts])


def train_judge(run: Run, config: JobConfig, on_progress: OnProgress) -> dict[str, Any]:
    """Train the judge on the real training images and leave it in the run."""
    record_file = run.judge / "record.json"
    if record_file.exists():
        return dict(storage.read_json(record_file))
    labels = labels_with_images(run)
    seed = randomness.key(config.generation.seed, "", "judge") % 2**31
    batches = Batches([np.load(run.train_images(label)) for label in labels], stream=seed)
    steps, kinds = config.gate.classifier_steps, config.gate.augmentation
    model = train_classifier(batches, len(labels), steps, seed, kinds, on_progress)
    storage.write_bytes(
        run.judge / "model.npz", storage.pack_arrays({f"{n:03d}": w for n, w in enumerate(model.get_weights())})
    )
    record = {"classes": labels, "steps": steps}
    storage.write_json(record_file, record)
    return record


def load_judge(run: Run, image_shape: tuple[int, int, int]) -> tuple[keras.Model, list[str]]:
    """The judge, and the class names in the order of its outputs."""
    labels = storage.read_json(run.judge / "record.json")["classes"]
    model = make_classifier(image_shape, len(labels))
    arrays = storage.unpack_arrays((run.judge / "model.npz").read_bytes())
    model.set_weights([arrays[name] for name in sorted(arrays)])
    return model, labels
