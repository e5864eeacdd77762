"""All measures of one run: what its synthetic images are like beside real ones, class by class and over all.

They say what the gate does not ask: how good, how varied and how new the images are. Quality is measured against
held-out images that no GAN has seen, copying against training images too. What too few images cannot tell is withheld
with a reason.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dcgan.config import ResolvedJob
from dcgan.data.leakage import leaked
from dcgan.errors import StageError, StorageError
from dcgan.evaluation import metric
from dcgan.evaluation.copying import AUTHENTICITY, C_T, COPYING, DISTANCE_RATIO, authenticity, c_t, distance_ratio
from dcgan.evaluation.features import FeatureSpace, open_space
from dcgan.evaluation.frechet import FRECHET, frechet
from dcgan.evaluation.gan_train_test import GAN_TRAIN_TEST, MAX_STEPS, gan_train_test
from dcgan.evaluation.kid import KID, kid
from dcgan.evaluation.metric import Measured, drawn
from dcgan.evaluation.outlying import OUTLYING, limit, outlying
from dcgan.evaluation.prdc import PRDC, prdc
from dcgan.evaluation.sets import load_sets, num_synthetic
from dcgan.evaluation.variety import VARIETY, variety
from dcgan.execution import randomness
from dcgan.execution.progress import OnProgress
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import FeatureSpaceRecord, Measure, MeasuresRecord

METRICS = (KID, FRECHET, *PRDC, VARIETY, OUTLYING, *GAN_TRAIN_TEST, *COPYING)

MAX_POOLED = 2048  # images of a kind over all classes: as many as take the bias from a Fréchet distance
NUM_FOR_SCALE = 100  # training images of each class that the features' scale is taken from


class Points(NamedTuple):
    """Features of the images of one class, or of all: (N, D) each, N its own."""

    train: np.ndarray
    holdout: np.ndarray
    synthetic: np.ndarray


def measure(run: Run, job: ResolvedJob, on_progress: OnProgress) -> MeasuresRecord:
    """Measure what is generated, and leave it in `run.measures`.

    It is measured once, and anew when other numbers of images are generated than were measured.

    Raises:
        StageError: there is nothing to measure, or the feature extractor fails.
    """
    counts = num_synthetic(run)
    if not counts:
        raise StageError("no class has synthetic images: there is nothing to measure")
    with contextlib.suppress(StorageError):  # not there yet, or damaged: it is made from what is there
        if (record := records.read(run.measures, MeasuresRecord)).synthetic == counts:
            return record
    began = time.monotonic()
    space = open_space(run, job)
    overall, classes = _measure(run, job, space, on_progress)
    record = MeasuresRecord(
        features=FeatureSpaceRecord(name=space.name, dimensions=space.dimensions),
        metrics={one.name: one.record() for one in METRICS},
        synthetic=counts,
        seconds=round(time.monotonic() - began, 1),
        overall=_records(overall),
        classes={label: _records(measured) for label, measured in classes.items()},
    )
    records.write(run.measures, record)
    return record


def _measure(
    run: Run, job: ResolvedJob, space: FeatureSpace, on_progress: OnProgress
) -> tuple[dict[str, Measured], dict[str, dict[str, Measured]]]:
    """Over all classes, and class by class."""
    sets = load_sets(run)
    holdout = [np.load(run.holdout_images(label))[~leaked(run, label)] for label in sets.labels]
    learned = gan_train_test(
        sets.real,
        holdout,
        sets.synthetic,
        steps=min(job.gate.judge_steps, MAX_STEPS),
        seed=randomness.key(job.generation.seed, "", "GAN-train and GAN-test") % 2**31,
        kinds=job.gate.augmentation,
        on_progress=on_progress,
    )
    # One scale for all features keeps the kernel's values near 1, whatever the network's are.
    some = np.concatenate([space(images[:NUM_FOR_SCALE]) for images in sets.real])
    scale = float(np.sqrt((some**2).mean())) or 1.0
    real = [[space(of_class) / scale for of_class in images] for images in (sets.real, holdout)]
    all_train, all_holdout = map(np.concatenate, real)
    beyond = limit(all_train, all_holdout)
    classes: dict[str, dict[str, Measured]] = {}
    pools: list[Points] = []
    made = {number: images for number, images in enumerate(sets.synthetic) if images is not None}
    for (number, images), of_classifier in zip(made.items(), learned, strict=True):
        label = sets.labels[number]
        draws = randomness.generator(job.generation.seed, label, "measures")
        points = Points(real[0][number], real[1][number], space(images) / scale)
        off = outlying(all_train, points.synthetic, beyond).beside(outlying(all_train, points.holdout, beyond))
        varied = variety(holdout[number], images).beside(variety(holdout[number], sets.real[number]))
        of_images = {VARIETY.name: varied, OUTLYING.name: off}
        classes[label] = quality(points, draws) | of_images | of_classifier | copying(points, draws)
        # As many of each kind in each class, or the mixture of classes would count as a difference.
        size = min(MAX_POOLED // len(made), *map(len, points))
        pools.append(Points(*(drawn(of_kind, size, draws) for of_kind in points)))
    draws = randomness.generator(job.generation.seed, "", "measures")
    pooled = quality(Points(*map(np.concatenate, zip(*pools, strict=True))), draws)
    means = {
        one.name: metric.mean([measured[one.name] for measured in classes.values()])
        for one in (VARIETY, OUTLYING, *GAN_TRAIN_TEST, *COPYING)
    }
    return pooled | means, classes


def quality(points: Points, draws: np.random.Generator) -> dict[str, Measured]:
    """Distances from held-out real images, by metric; beside them those of training images."""
    train, holdout, synthetic = points
    # All but KID depend on the number of images.
    size = min(len(train), len(synthetic))
    made, real = (
        {KID.name: kid(holdout, others, draws), FRECHET.name: frechet(holdout, drawn(others, size, draws))}
        | prdc(holdout, drawn(others, size, draws), draws)
        for others in (synthetic, train)
    )
    return {name: measured.beside(real[name]) for name, measured in made.items()}


def copying(points: Points, draws: np.random.Generator) -> dict[str, Measured]:
    """Nearness to training images, by metric; beside it that of held-out images."""
    train, holdout, synthetic = points
    order = draws.permutation(len(holdout))
    some, others = holdout[order[::2]], holdout[order[1::2]]
    return {
        DISTANCE_RATIO.name: distance_ratio(train, holdout, synthetic, draws).beside(
            distance_ratio(train, others, some, draws)
        ),
        AUTHENTICITY.name: authenticity(train, synthetic).beside(authenticity(train, holdout)),
        C_T.name: c_t(train, holdout, synthetic).beside(c_t(train, others, some)),
    }


def _records(measured: Mapping[str, Measured]) -> dict[str, Measure]:
    return {one.name: measured[one.name].record() for one in METRICS}
