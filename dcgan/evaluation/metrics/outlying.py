"""Outlying images: how many are unlike real images of any class?

Noise can raise no alarm elsewhere: a classifier puts it somewhere, and no nearest training image is near.
"""

from __future__ import annotations

import numpy as np

from dcgan.data.distances import nearest
from dcgan.evaluation.metrics.base import Measured, Metric, share, withheld
from dcgan.evaluation.metrics.subject import Subject, Whole

USUAL = 0.99  # of the held-out images are nearer to a training image than what is called outlying


def limit(train: np.ndarray, holdout: np.ndarray) -> float | None:
    """The distance to the nearest training image beyond which an image is outlying.

    Args:
        train: features (N, D) of training images of all classes.
        holdout: features (M, D) of held-out images of all classes.

    Returns:
        None when there are no images of a kind.
    """
    return float(np.quantile(nearest(holdout, train)[0], USUAL)) if len(train) and len(holdout) else None


def outlying(train: np.ndarray, synthetic: np.ndarray, beyond: float | None) -> Measured:
    """The share of synthetic images, features (K, D), that are farther than `beyond` from every training image."""
    if beyond is None or not len(synthetic):
        return withheld("no held-out images")
    return share(nearest(synthetic, train)[0] > beyond)


def _limit(whole: Whole) -> float | None:
    return limit(whole.train_features, whole.holdout_features)


def _measure(subject: Subject) -> Measured:
    beyond, train = subject.whole.once(_limit), subject.whole.train_features
    made, real = (outlying(train, others.features, beyond) for others in (subject.synthetic, subject.holdout))
    return made.beside(real)


OUTLYING = Metric(
    name="outlying",
    title="Outlying",
    says="share of synthetic images that are unlike any real one",
    goal="minimize",
    low=0.0,
    high=1.0,
    measure=_measure,
)
