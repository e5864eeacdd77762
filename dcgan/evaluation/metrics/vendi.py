"""Vendi score: how many different images do the synthetic ones of a class amount to (Friedman and Dieng 2023)?

It is the exponential of the entropy of the eigenvalues of K / n, where K is the similarity of each pair of n images: 1
if all are the same, n if no two are alike. It sees what a mean distance of pairs does not: three images again and again
are as far apart as many different ones, and amount to three.
"""

from __future__ import annotations

import numpy as np

from dcgan.data.distances import squared_distances
from dcgan.evaluation.metrics.base import NUM_GROUPS, Measured, Metric, drawn, jackknife, withheld
from dcgan.evaluation.metrics.subject import Subject

MAX_IMAGES = 300  # of a kind: eigenvalues cost the cube of it, and a class of so many takes a tenth of a second
WIDTH = 0.5  # of the usual distance: two images that far apart are similar by exp(-2), so that they count as different


def vendi(points: np.ndarray, width: float) -> Measured:
    """Effective number of different points among (N, D), and its jackknife error.

    Args:
        points: features (N, D).
        width: of the kernel: two points that far apart have a similarity of exp(-1/2).
    """
    if len(points) <= NUM_GROUPS:
        return withheld(f"{len(points)} images, at least {NUM_GROUPS + 1} are needed")

    def value(some: np.ndarray, _: np.ndarray) -> float:
        return effective_number(np.exp(-squared_distances(some, some) / (2 * width**2)))

    return Measured(value(points, points), jackknife(value, points, points))


def effective_number(similarity: np.ndarray) -> float:
    """The exponential of the entropy of the eigenvalues of K / n, K (n, n) symmetric with ones on its diagonal."""
    shares = np.linalg.eigvalsh(similarity / len(similarity))
    shares = shares[shares > 1e-12]  # 0 log 0 is 0; rounding leaves eigenvalues just under 0
    return float(np.exp(-(shares * np.log(shares)).sum()))


def usual_distance(points: np.ndarray) -> float:
    """Median distance of two different points of (N, D), N at least 2; 1 if most are the same."""
    squared = squared_distances(points, points)[np.triu_indices(len(points), 1)]
    return float(np.sqrt(np.median(squared))) or 1.0


def _measure(subject: Subject) -> Measured:
    """Of as many synthetic images as training images, by how far training images of the class usually are apart."""
    draws, train = subject.draws("vendi"), subject.train.features
    size = min(len(train), len(subject.synthetic), MAX_IMAGES)
    if size <= NUM_GROUPS:
        return withheld(f"{size} images, at least {NUM_GROUPS + 1} are needed")
    made, real = (drawn(features, size, draws) for features in (subject.synthetic.features, train))
    width = WIDTH * usual_distance(real)
    return vendi(made, width).beside(vendi(real, width))


VENDI = Metric(
    name="vendi",
    title="Vendi score",
    says="how many different images as many synthetic as training images amount to",
    goal="maximize",
    low=1.0,
    high=None,
    measure=_measure,
)
