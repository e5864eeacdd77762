"""All measures of one run: how its synthetic images compare with real ones, class by class and overall.

They show what the gate does not ask: how good, how varied and how new the images are. Quality is measured against
held-out images that no GAN has seen, copying against training images too. A measure that too few images would make
meaningless is left out, with the reason.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence

import numpy as np

from dcgan.config import ResolvedJob
from dcgan.data.leakage import leaked
from dcgan.errors import StageError, StorageError
from dcgan.evaluation.features import FeatureSpace, open_space
from dcgan.evaluation.metrics import METRICS
from dcgan.evaluation.metrics.base import Measured, mean
from dcgan.evaluation.metrics.subject import Sample, Subject, Whole
from dcgan.evaluation.sets import load_sets, num_synthetic
from dcgan.execution.progress import OnProgress
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import FeatureSpaceRecord, Measure, MeasuresRecord

MAX_POOLED = 2048  # images of a kind over all classes: enough for a Fréchet distance with little bias
NUM_FOR_SCALE = 100  # training images of each class that the features' scale is taken from


def measure(run: Run, job: ResolvedJob, on_progress: OnProgress) -> MeasuresRecord:
    """Measure the generated images, and leave the result in `run.measures`.

    They are measured once, and again if the numbers of generated images have changed.

    Raises:
        StageError: there is nothing to measure, or the feature extractor fails.
    """
    counts = num_synthetic(run)
    if not counts:
        raise StageError("no class has synthetic images: there is nothing to measure")
    with contextlib.suppress(StorageError):  # missing or damaged: measured below
        if (record := records.read(run.measures, MeasuresRecord)).synthetic == counts:
            return record
    began = time.monotonic()
    space = open_space(run, job)
    overall, classes = measured(look_at(run, job, space, on_progress))
    record = MeasuresRecord(
        features=FeatureSpaceRecord(name=space.name, dimensions=space.dimensions),
        metrics={metric.name: metric.record() for metric in METRICS},
        synthetic=counts,
        seconds=round(time.monotonic() - began, 1),
        overall=_records(overall),
        classes={label: _records(of_class) for label, of_class in classes.items()},
    )
    records.write(run.measures, record)
    return record


def look_at(run: Run, job: ResolvedJob, space: FeatureSpace, on_progress: OnProgress) -> Whole:
    """A run's images, with their features."""
    sets = load_sets(run)
    holdout = [np.load(run.holdout_images(label))[~leaked(run, label)] for label in sets.labels]
    # One scale for all features keeps the kernel's values near 1, whatever the network's are.
    some = np.concatenate([space(images[:NUM_FOR_SCALE]) for images in sets.real])
    scale = float(np.sqrt((some**2).mean())) or 1.0

    def sample(images: np.ndarray) -> Sample:
        return Sample(images, space(images) / scale)

    return Whole(
        job=job,
        labels=sets.labels,
        train=[sample(images) for images in sets.real],
        holdout=[sample(images) for images in holdout],
        synthetic=[None if images is None else sample(images) for images in sets.synthetic],
        on_progress=on_progress,
    )


def measured(whole: Whole) -> tuple[dict[str, Measured], dict[str, dict[str, Measured]]]:
    """Every metric, overall and for each class that has synthetic images."""
    subjects = [
        Subject(whole=whole, label=label, train=train, holdout=holdout, synthetic=made)
        for label, train, holdout, made in zip(whole.labels, whole.train, whole.holdout, whole.synthetic, strict=True)
        if made is not None
    ]
    pool = _pooled(whole, subjects)
    overall: dict[str, Measured] = {}
    classes: dict[str, dict[str, Measured]] = {subject.label: {} for subject in subjects}
    for metric in METRICS:
        for subject in subjects:
            classes[subject.label][metric.name] = metric.measure(subject)
        of_classes = [of_class[metric.name] for of_class in classes.values()]
        overall[metric.name] = metric.measure(pool) if metric.pooled else mean(of_classes)
    return overall, classes


def _pooled(whole: Whole, subjects: Sequence[Subject]) -> Subject:
    """All classes as one, with as many images of each kind in each class: else the mixture would be a difference."""
    pools: list[list[Sample]] = [[], [], []]
    for subject in subjects:
        kinds, draws = (subject.train, subject.holdout, subject.synthetic), subject.draws("pool")
        size = min(MAX_POOLED // len(subjects), *map(len, kinds))
        for pool, of_kind in zip(pools, kinds, strict=True):
            pool.append(of_kind[np.sort(draws.choice(len(of_kind), size, replace=False))])
    train, holdout, synthetic = (
        Sample(np.concatenate([one.images for one in pool]), np.concatenate([one.features for one in pool]))
        for pool in pools
    )
    return Subject(whole=whole, label="", train=train, holdout=holdout, synthetic=synthetic)


def _records(found: Mapping[str, Measured]) -> dict[str, Measure]:
    return {name: one.record() for name, one in found.items()}
