"""A small classifier of the job's real images.

It has two uses: as judge of single candidates (how sure is it of their class?), and to measure utility, where the same
network is trained without and with the synthetic images and tested on held-out real ones.
"""

from __future__ import annotations

import functools
import importlib
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from dcgan.config import ResolvedJob
from dcgan.data.split import FOLDS, in_fold, labels_with_images
from dcgan.errors import ConfigError
from dcgan.execution import randomness
from dcgan.execution.progress import OnProgress, part_of
from dcgan.files import storage
from dcgan.networks.adam import FusedAdam
from dcgan.networks.architecture import num_stages
from dcgan.networks.augmentation import augment, mix
from dcgan.networks.batches import Batches, spec_of_batches, to_float
from dcgan.networks.pace import JUDGING, Pace, judge_steps
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import JudgeRecord

STRETCH = 50  # steps inside one compiled call
PREDICTION_BATCH = 256

Look = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Images uint8 (N, H, W, C) to probabilities (N, num_classes) and features (N, F), float32."""


def make_classifier(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Images (N, H, W, C) in [-1, 1] to logits (N, num_classes): convolutions to about 7 x 7, then 128 features."""
    image = keras.Input(image_shape)
    x = layers.Conv2D(32, 3, padding="same")(image)
    x = layers.ReLU()(layers.MaxPool2D(2)(x))  # the same in this order, of a quarter of the values
    for stage in range(num_stages(*image_shape[:2]) - 2):
        x = layers.Conv2D(64 * min(2**stage, 2), 3, 2, "same", activation="relu")(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    x = layers.Dense(128, activation="relu", name="features")(x)
    return keras.Model(image, layers.Dense(num_classes)(x))


class Trainer:
    """Trains classifiers one after the other that differ only in their images and seeds.

    Its loop is compiled once, which takes as long as some hundred steps. All of them use the same `model`; the next
    training starts it from fresh weights.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        kinds: Sequence[str],
        pace: Pace = JUDGING,
        *,
        build: Callable[[tuple[int, int, int], int], keras.Model] = make_classifier,
    ) -> None:
        """Build the classifier without compiling it.

        Args:
            image_shape: (H, W, C).
            num_classes: labels are 0 to num_classes - 1.
            kinds: classical augmentations, keys of `augmentation.AUGMENTATIONS`.
            pace: see there.
            build: from (H, W, C) and number of classes, a model of images in [-1, 1] that gives logits.
        """
        self._build = functools.partial(build, image_shape, num_classes)
        # Keras draws the seeds of initial weights and of dropout by Python's generator. What else a user's model may
        # draw by is seeded only for such a one: with its own seed, TensorFlow throws all of its kernels away, and
        # making them again takes 0.2 s.
        self._set_seed = random.seed if build is make_classifier else keras.utils.set_random_seed
        self.model = model = self._build()
        optimizer = FusedAdam(pace.learning_rate)
        optimizer.build(model.trainable_variables)
        self._optimizer_begins = [(variable, variable.numpy()) for variable in optimizer.variables]

        number = tf.TensorSpec((), tf.int64)
        signature = [
            spec_of_batches(image_shape),
            tf.TensorSpec((2,), tf.int64),
            tf.TensorSpec((), tf.bool),
            number,
            number,
            number,
        ]

        @tf.function(input_signature=signature)
        def run_steps(
            batches: Batches,
            streams: tf.Tensor,
            mixup: tf.Tensor,
            first: tf.Tensor,
            count: tf.Tensor,
            num_steps: tf.Tensor,
        ) -> None:
            for step in tf.range(first, first + count):
                # Here rather than by Keras's schedule, which would be compiled for one number of steps.
                done = tf.cast(step / num_steps, tf.float32)
                optimizer.learning_rate.assign(pace.learning_rate * 0.5 * (1.0 + tf.cos(math.pi * done)))
                images, labels = batches.draw(step, pace.batch_size)
                images, targets = augment(images, kinds, streams[0], step), tf.one_hot(labels, num_classes)
                if mixup:
                    images, targets = mix(images, targets, streams[1], step)
                with tf.GradientTape() as tape:
                    logits = model(images, training=True)
                    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
                optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

        @tf.function(input_signature=[tf.TensorSpec((None, *image_shape), tf.uint8)])
        def logits_of(images: tf.Tensor) -> tf.Tensor:
            return model(to_float(images), training=False)

        self._run_steps, self._logits_of, self.batch_size = run_steps, logits_of, pace.batch_size

    def train(
        self, batches: Batches, num_steps: int, seed: int, on_progress: OnProgress, *, mixup: bool = False
    ) -> keras.Model:
        """Train `model` from fresh weights; all its randomness follows from `seed`.

        Args:
            batches: class-balanced draws of training images.
            num_steps: optimizer steps.
            seed: of weights, dropout and augmentation.
            on_progress: called after each stretch of steps.
            mixup: mix the images of a batch, and their labels, after augmentation.
        """
        self._set_seed(seed)
        fresh = self._build()  # by its variables, among them the state of its dropout's draws
        for variable, begin in zip(self.model.variables, fresh.variables, strict=True):
            variable.assign(begin)
        for variable, begin in self._optimizer_begins:
            variable.assign(begin)
        streams = tf.constant([randomness.stream(seed, "", name) for name in ("classical augmentation", "mixup")])
        for first in range(0, num_steps, STRETCH):
            count = min(STRETCH, num_steps - first)
            began = time.monotonic()
            numbers = (tf.constant(number, tf.int64) for number in (first, count, num_steps))
            self._run_steps(batches, streams, tf.constant(mixup), *numbers)
            rate = count * self.batch_size / (time.monotonic() - began)
            on_progress({"done": first + count, "total": num_steps, "rate": rate})
        return self.model

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits float32 (N, num_classes) that the newest classifier gives to uint8 (N, H, W, C)."""
        return np.concatenate([np.asarray(self._logits_of(batch)) for batch in _in_batches(images)])


@functools.cache
def trainer(
    image_shape: tuple[int, int, int],
    num_classes: int,
    kinds: tuple[str, ...],
    pace: Pace = JUDGING,
    *,
    path: str | None = None,
) -> Trainer:
    """This process's `Trainer` of such classifiers, compiled once; `path` as for `builder`."""
    return Trainer(image_shape, num_classes, kinds, pace, build=builder(path))


def builder(path: str | None) -> Callable[[tuple[int, int, int], int], keras.Model]:
    """The function that builds the classifiers that measure utility: ours, or the user's own.

    Args:
        path: `module:function`; None for ours.

    Raises:
        ConfigError: there is no such function, or its model does not fit the images and classes.
    """
    if path is None:
        return make_classifier

    def build(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
        """The user's model, which takes values from 0 to 255, as one that takes -1 to 1 and gives logits."""
        module, _, name = path.partition(":")
        try:
            model = getattr(importlib.import_module(module), name)()
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"gate.classifier {path}: {error}. Expected `module:function`, importable here."
            ) from error
        wanted = ((None, *image_shape), (None, num_classes))
        found = tuple(getattr(model, f"{side}_shape", None) for side in ("input", "output"))
        if found != wanted:
            raise ConfigError(
                f"gate.classifier {path} gives {found}, expected a keras.Model of input and output {wanted}"
            )
        image = keras.Input(image_shape)
        outputs = model(layers.Rescaling(127.5, 127.5)(image))
        if getattr(model.layers[-1], "activation", None) is keras.activations.softmax:
            outputs = keras.ops.log(keras.ops.maximum(outputs, keras.backend.epsilon()))
        return keras.Model(image, outputs)

    return build


def looker(weights: Sequence[np.ndarray], image_shape: tuple[int, int, int]) -> Look:
    """A classifier of `make_classifier`, by its weights. Features are what its layer "features" gives."""
    compiled = _compiled_look(image_shape, len(weights[-1]))
    tensors = [tf.constant(array) for array in weights]

    def look(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probabilities, features = zip(*(compiled(tensors, batch) for batch in _in_batches(images)), strict=True)
        return np.concatenate(probabilities), np.concatenate(features)

    return look


@functools.cache
def _compiled_look(image_shape: tuple[int, int, int], num_classes: int) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """From weights and images uint8 (N, H, W, C) to what a `Look` gives; compiled once for all classifiers."""
    model = make_classifier(image_shape, num_classes)
    both = keras.Model(model.inputs, [model.outputs[0], model.get_layer("features").output])
    weights = [tf.TensorSpec(variable.shape) for variable in both.trainable_variables]

    @tf.function(input_signature=[weights, tf.TensorSpec((None, *image_shape), tf.uint8)])
    def look(weights: list[tf.Tensor], images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        draws = both.non_trainable_variables  # the state of the dropout's draws, unused outside training
        (logits, features), _ = both.stateless_call(weights, draws, to_float(images), training=False)
        return tf.nn.softmax(logits), features

    compiled: Callable[..., tuple[tf.Tensor, tf.Tensor]] = look
    return compiled


def _in_batches(images: np.ndarray) -> Iterator[tf.Tensor]:
    for first in range(0, len(images), PREDICTION_BATCH):
        yield tf.constant(images[first : first + PREDICTION_BATCH])


def train_judge(run: Run, job: ResolvedJob, on_progress: OnProgress) -> JudgeRecord:
    """Train the judges on the real training images and leave them in the run.

    One is trained on all of them. As many more as there are folds are each trained on all but its fold of every class's
    images: beside the images of their fold they score samples, and what they say of these images tells how sure a
    classifier can be of images that it has not seen.
    """
    record_file = run.judge / "record.json"
    if record_file.exists():
        return records.read(record_file, JudgeRecord)
    labels = labels_with_images(run)
    real = [np.load(run.train_images(label)) for label in labels]
    trainer = Trainer(real[0].shape[1:], len(labels), job.gate.augmentation)
    steps, steps_of_fold = judge_steps(job.gate)

    def train(pools: list[np.ndarray], num_steps: int, name: str, done: int) -> keras.Model:
        seed = randomness.key(job.generation.seed, "", name) % 2**31
        report = part_of(on_progress, done, steps + FOLDS * steps_of_fold)
        return trainer.train(Batches(pools, stream=seed), num_steps, seed, report)

    _save(run.judge / "model.npz", train(real, steps, "judge", 0))
    other_class = [np.ones(len(images), np.float32) for images in real]
    for fold in range(FOLDS):
        left_out = [in_fold(len(images), fold) for images in real]
        pools = [images[~left] if (~left).any() else images for images, left in zip(real, left_out, strict=True)]
        _save(_of_fold(run, fold), train(pools, steps_of_fold, f"judge {fold}", steps + fold * steps_of_fold))
        look = looker(trainer.model.get_weights(), real[0].shape[1:])
        for number, (images, left) in enumerate(zip(real, left_out, strict=True)):
            if left.any():
                other_class[number][left] = surest_other(look(images[left])[0], number)
    arrays = {str(number): values for number, values in enumerate(other_class)}
    storage.write_bytes(run.judge / "other-class.npz", storage.pack_arrays(arrays))
    record = JudgeRecord(classes=labels, steps=steps, steps_of_fold=steps_of_fold)
    records.write(record_file, record)
    return record


def load_judge(run: Run, image_shape: tuple[int, int, int]) -> tuple[Look, list[str]]:
    """The judge of all training images, and the class names in the order of its outputs."""
    return looker(_load(run.judge / "model.npz"), image_shape), _classes(run)


def load_folds(run: Run, image_shape: tuple[int, int, int]) -> list[Look]:
    """The judges that have each left a fold out, in the order of the folds."""
    return [looker(_load(_of_fold(run, fold)), image_shape) for fold in range(FOLDS)]


def load_other_class(run: Run, label: str) -> np.ndarray:
    """What the fold that had not seen them says of a class's training images: `surest_other`, (n,)."""
    arrays = storage.unpack_arrays((run.judge / "other-class.npz").read_bytes())
    return arrays[str(_classes(run).index(label))]


def surest_other(probabilities: np.ndarray, number: int) -> np.ndarray:
    """How sure a classifier is that images are not of class `number`: the highest probability of another, (N,)."""
    highest: np.ndarray = np.delete(probabilities, number, axis=1).max(1)
    return highest


def _classes(run: Run) -> list[str]:
    return records.read(run.judge / "record.json", JudgeRecord).classes


def _of_fold(run: Run, fold: int) -> Path:
    return run.judge / f"fold-{fold}.npz"


def _save(file: Path, model: keras.Model) -> None:
    storage.write_bytes(file, storage.pack_arrays({f"{n:03d}": w for n, w in enumerate(model.get_weights())}))


def _load(file: Path) -> list[np.ndarray]:
    arrays = storage.unpack_arrays(file.read_bytes())
    return [arrays[name] for name in sorted(arrays)]
