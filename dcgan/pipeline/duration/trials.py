"""Steps that are timed in a worker process: those of the job's own networks, on images of noise.

Both functions leave a JSON file with seconds by rate; of the rates that depend on `training`, a list with those of each
training that is asked about.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from dcgan.config import ResolvedJob, ResolvedTraining
from dcgan.curation import filters
from dcgan.data.split import FOLDS
from dcgan.execution import process
from dcgan.execution.progress import OnProgress, Progress, no_report
from dcgan.files import storage
from dcgan.generation.model import CHUNK
from dcgan.generation.png import encode
from dcgan.networks.batches import Batches
from dcgan.networks.classifier import Trainer, looker, make_classifier, trainer
from dcgan.networks.pace import PROOF
from dcgan.run.paths import Run
from dcgan.training.gan import Gan
from dcgan.training.precision import choose_precision, chosen_precision

SECONDS, TRIALS = 0.3, 3  # each kind of work is timed for so long at least, so often
SOME = 10  # at least, where they are not long: other work on the machine slows single ones down
LONG = 2.0  # seconds of one step, from which on it is timed once


def alone(
    run: Run,
    job: ResolvedJob,
    trainings: Sequence[Mapping[str, Any]],
    image_shape: tuple[int, int, int],
    num_classes: int,
    on_progress: OnProgress,
) -> None:
    """Time the steps of the judge and the shared base, and choose the precision as a run does.

    Args:
        run: a folder to leave `alone.json` in, and each training's precision.
        job: resolved.
        trainings: of the jobs that are asked about, as JSON has them.
        image_shape: (H, W, C).
        num_classes: with training images.
        on_progress: called for each training.
    """
    shape, started = _as_tuple(image_shape), process.seconds()
    judge_step = _step_of_classifier(Trainer(shape, num_classes, job.gate.augmentation), shape, num_classes)
    base_steps = []
    for number, values in enumerate(trainings):
        training = ResolvedTraining.model_validate(values)
        choose_precision(_of_training(run, number), training, shape)
        base_steps.append(_Gan(_of_training(run, number), training, shape).step())
        on_progress({"done": number + 1, "total": len(trainings), "unit": "networks"})
    storage.write_json(run.root / "alone.json", {"started": started, "judge_step": judge_step, "base_step": base_steps})


def together(
    run: Run,
    job: ResolvedJob,
    trainings: Sequence[Mapping[str, Any]],
    image_shape: tuple[int, int, int],
    num_classes: int,
    num_real: int,
    number: int,
    on_progress: OnProgress,
) -> None:
    """Time what several processes do side by side: train a class, make its images, train a classifier.

    Args:
        run: where `alone` chose the precisions; a folder to leave `together-<number>.json` in.
        job: resolved.
        trainings: of the jobs that are asked about, as JSON has them.
        image_shape: (H, W, C).
        num_classes: with training images.
        num_real: training images that candidates are compared with.
        number: of this process.
        on_progress: called for each training.
    """
    shape, started = _as_tuple(image_shape), process.seconds()
    starts, class_steps, images = [], [], []
    for place, values in enumerate(trainings):
        began = time.monotonic()
        gan = _Gan(_of_training(run, place), ResolvedTraining.model_validate(values), shape)
        make = gan.maker(job, num_classes, num_real)
        make(1)
        starts.append(started + time.monotonic() - began)
        class_steps.append(gan.step())
        images.append(_seconds_of_one(make) / CHUNK)
        on_progress({"done": place + 1, "total": len(trainings), "unit": "networks"})
    kinds = tuple(job.gate.augmentation)
    classifier = trainer(shape, num_classes, kinds, PROOF, path=job.gate.classifier)
    found = {
        "start": starts,
        "class_step": class_steps,
        "image": images,
        "classifier_step": _step_of_classifier(classifier, shape, num_classes),
        "classifier_rest": _rest_of_classifier(classifier, shape, num_classes),
    }
    storage.write_json(run.root / f"together-{number}.json", found)


class _Gan:
    """A GAN whose steps are timed, compiled."""

    def __init__(self, run: Run, training: ResolvedTraining, shape: tuple[int, int, int]) -> None:
        self._training, self._shape = training, shape
        self._gan = Gan(training, shape, chosen_precision(run))
        self._gan.initialize(0)
        self._run_steps = self._gan.stretch(Batches([_noise(training.batch_size, shape)], stream=0), 0, "")
        self._train(1)

    def step(self) -> float:
        """Seconds of an optimizer step."""
        return _seconds_of_one(self._train)

    def maker(self, job: ResolvedJob, num_classes: int, num_real: int) -> Callable[[int], float]:
        """Makes so many chunks of images, as curation does that accepts each, and gives the seconds that it took."""
        latents = tf.zeros((CHUNK, self._training.latent_dim))
        look = looker(make_classifier(self._shape, num_classes).get_weights(), self._shape)
        num_looks = 1 + FOLDS * filters.needs_folds(job.curation.filters)
        nearest = filters.Nearest(filters.flat(_noise(num_real, self._shape)))

        def make(count: int) -> float:
            began = time.monotonic()
            for _ in range(count):
                images = self._gan.sample(latents)
                for _ in range(num_looks):
                    look(images)
                nearest(filters.flat(images))
                for index, image in enumerate(images):
                    encode(image, job=job.name, label="", index=index, model_sha256="")
            return time.monotonic() - began

        return make

    def _train(self, count: int) -> float:
        """So many steps, in stretches, and what follows each of these; the seconds that it took."""
        began = time.monotonic()
        for first in range(0, count, self._training.log_steps):
            some = min(self._training.log_steps, count - first)
            float(self._run_steps(tf.constant(first, tf.int64), tf.constant(some, tf.int64))[0])
            self._gan.is_finite()
            self._gan.arrays()
        return time.monotonic() - began


def _step_of_classifier(classifier: Trainer, shape: tuple[int, int, int], num_classes: int) -> float:
    """Seconds of an optimizer step."""
    batches = Batches([_noise(2, shape)] * num_classes, stream=0)

    def train(count: int) -> float:
        stretches: list[Progress] = []
        classifier.train(batches, count, 0, stretches.append)
        ends = [0, *(stretch["done"] for stretch in stretches)]
        steps = (end - begin for begin, end in itertools.pairwise(ends))
        return sum(some * classifier.batch_size / one["rate"] for some, one in zip(steps, stretches, strict=True))

    train(1)  # compiles
    return _seconds_of_one(train)


def _rest_of_classifier(classifier: Trainer, shape: tuple[int, int, int], num_classes: int) -> float:
    """Seconds of a classifier, trained already once, that takes hardly any step, and is tested."""
    batches, tested = Batches([_noise(2, shape)] * num_classes, stream=0), _noise(2, shape)
    classifier.logits(tested)  # compiles
    began = time.monotonic()
    classifier.train(batches, 1, 0, no_report)
    classifier.logits(tested)
    return time.monotonic() - began


def _seconds_of_one(work: Callable[[int], float]) -> float:
    """Seconds that one of many takes, without what a call takes for itself.

    Args:
        work: does so many, and gives the seconds that they took.
    """
    first = work(1)
    if first >= LONG:
        return first
    first = statistics.median([first, *(work(1) for _ in range(TRIALS - 1))])
    others = max(1, int(SECONDS / max(first, 1e-3)))  # besides the first: no more than take so long, whatever that took
    more = work(1 + others) - first
    while more < max(SECONDS, first) or (others < SOME and more < LONG):
        others = max(2 * others, min(8 * others, int(1.2 * others * max(SECONDS, first) / max(more, 1e-3))))
        more = work(1 + others) - first
    trials = [more, *(work(1 + others) - first for _ in range(TRIALS - 1))]
    return max(0.0, statistics.median(trials)) / others


def _noise(count: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Images uint8 (count, H, W, C)."""
    return np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)


def _of_training(run: Run, number: int) -> Run:
    """The folder of one of the trainings."""
    return Run(run.root / str(number))


def _as_tuple(image_shape: Sequence[int]) -> tuple[int, int, int]:
    """(H, W, C), of which JSON has made a list."""
    height, width, channels = image_shape
    return height, width, channels
