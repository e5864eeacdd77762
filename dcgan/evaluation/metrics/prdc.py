"""Precision, recall, density and coverage: do synthetic images lie where real ones do, and wherever real ones do?

Around each point of one sample is a ball that reaches to its k-th neighbour in that sample. Precision is the share of
synthetic images in some real image's ball, recall the share of real images in some synthetic image's ball
(Kynkäänniemi et al. 2019, section 2). Density is the number of real balls that a synthetic image lies in, over k, and
coverage the share of real balls that hold a synthetic image (Naeem et al. 2020, section 3): one odd real image with a
wide ball spoils precision, not them.
"""

from __future__ import annotations

import math

import numpy as np

from dcgan.data.distances import in_chunks, neighbour_distances
from dcgan.evaluation.metrics.base import Measured, Metric, beside_holdout, drawn, share, withheld
from dcgan.evaluation.metrics.subject import Subject

NEIGHBOURS = 5  # as in Naeem et al., section 4


def prdc(
    real: np.ndarray, synthetic: np.ndarray, draws: np.random.Generator, k: int = NEIGHBOURS
) -> dict[str, Measured]:
    """The four metrics by name, of as many images of either kind: all depend on the number.

    Their errors are those of shares and means over the images, the balls taken as they are.

    Args:
        real: features (N, D) of held-out images.
        synthetic: features (M, D).
        draws: of the images that count, where there are more of one kind.
        k: neighbours that a ball reaches to.
    """
    count = min(len(real), len(synthetic))
    if count <= k:
        return {metric.name: withheld(f"{count} images, more than {k} are needed") for metric in PRDC}
    real, synthetic = drawn(real, count, draws), drawn(synthetic, count, draws)
    real_radii, synthetic_radii = neighbour_distances(real, k), neighbour_distances(synthetic, k)
    recalled, covered = np.zeros(count, bool), np.zeros(count, bool)
    balls = np.zeros(count)  # real ones that a synthetic image lies in
    for rows, distances in in_chunks(real, synthetic):
        inside = distances < real_radii[rows, None]
        balls += inside.sum(0)
        covered[rows] = inside.any(1)
        recalled[rows] = (distances < synthetic_radii[None]).any(1)
    density = Measured(float(balls.mean() / k), float(balls.std(ddof=1) / k / math.sqrt(count)))
    return {
        PRECISION.name: share(balls > 0),
        RECALL.name: share(recalled),
        DENSITY.name: density,
        COVERAGE.name: share(covered),
    }


def _beside_training(subject: Subject) -> dict[str, Measured]:
    """All four by name, of as many training images as synthetic ones."""
    made, real = beside_holdout(subject, "prdc", prdc)
    return {name: measured.beside(real[name]) for name, measured in made.items()}


PRECISION = Metric(
    name="manifold_precision",
    title="Precision",
    says="share of synthetic images that lie among the real ones",
    goal="maximize",
    low=0.0,
    high=1.0,
    measure=lambda subject: subject.once(_beside_training)["manifold_precision"],
    pooled=True,
)
RECALL = Metric(
    name="manifold_recall",
    title="Recall",
    says="share of real images that lie among the synthetic ones",
    goal="maximize",
    low=0.0,
    high=1.0,
    measure=lambda subject: subject.once(_beside_training)["manifold_recall"],
    pooled=True,
)
DENSITY = Metric(
    name="density",
    title="Density",
    says="how deep among the real images the synthetic ones lie",
    goal="maximize",
    low=0.0,
    high=None,
    measure=lambda subject: subject.once(_beside_training)["density"],
    pooled=True,
)
COVERAGE = Metric(
    name="coverage",
    title="Coverage",
    says="share of real images that have a synthetic one near",
    goal="maximize",
    low=0.0,
    high=1.0,
    measure=lambda subject: subject.once(_beside_training)["coverage"],
    pooled=True,
    in_log=True,
)
PRDC = (PRECISION, RECALL, DENSITY, COVERAGE)
