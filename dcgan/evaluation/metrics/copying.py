"""Copying: are synthetic images nearer to the images that the GAN was trained on than other real images are?

Three looks at the nearest training image, each against what real images that no GAN has seen come to. A GAN that copies
part of what it saw shows in all three; that none of them shows it is no proof of privacy.
"""

from __future__ import annotations

import math

import numpy as np

from dcgan.data.distances import nearest, neighbour_distances
from dcgan.evaluation.metrics.base import Measured, Metric, drawn, share, withheld
from dcgan.evaluation.metrics.subject import Subject

NUM_SUBSETS = 50  # of the distance ratio
MAX_SUBSET = 500  # images of a kind in one
MIN_IMAGES = 4  # of a kind for the distance ratio: two for each half
MIN_RANKED = 8  # of a kind for C_T: with fewer, the rank sum is far from normal


def distance_ratio(
    train: np.ndarray, holdout: np.ndarray, synthetic: np.ndarray, draws: np.random.Generator
) -> Measured:
    """Mean distance of synthetic images to their nearest training image, over that to their nearest held-out one.

    1 when training images are as far as any; under 1 when they are nearer. More images are nearer whatever they are, so
    that both are drawn as many: half of the rarer kind, again and again. Mean of the ratios, and their standard
    deviation, which is the standard error from above.

    Args:
        train: features (N, D).
        holdout: features (M, D) of real images that no GAN has seen.
        synthetic: features (K, D).
        draws: of the subsets.
    """
    fewer = min(len(train), len(holdout), len(synthetic))
    if fewer < MIN_IMAGES:
        return withheld(f"{fewer} images, at least {MIN_IMAGES} are needed")
    size, queries = min(MAX_SUBSET, min(len(train), len(holdout)) // 2), min(MAX_SUBSET, len(synthetic) // 2)
    ratios = []
    for _ in range(NUM_SUBSETS):
        of = drawn(synthetic, queries, draws)
        to_train, to_holdout = (nearest(of, drawn(real, size, draws))[0].mean() for real in (train, holdout))
        if not to_holdout:
            return withheld("synthetic images are equal to held-out ones")
        ratios.append(to_train / to_holdout)
    return Measured(float(np.mean(ratios)), float(np.std(ratios, ddof=1)))


def authenticity(train: np.ndarray, synthetic: np.ndarray) -> Measured:
    """Share of synthetic images that are no copy: their nearest training image has a training image nearer than them.

    Alaa et al. 2022, section 3.3. It is one half or more for real images too, so that it is read beside its ceiling.

    Args:
        train: features (N, D).
        synthetic: features (K, D).
    """
    if len(train) < 2 or not len(synthetic):
        return withheld(f"{len(train)} training images, at least 2 are needed")
    distances, rows = nearest(synthetic, train)
    # By the training image's row: the distance within the training images is a property of the one that is nearest.
    return share(distances > neighbour_distances(train, 1)[rows])


def c_t(train: np.ndarray, holdout: np.ndarray, synthetic: np.ndarray) -> Measured:
    """Three-sample test of copying: below 0 when synthetic images are nearer to training images than held-out ones are.

    A Mann-Whitney z, in its own standard errors: under -3 is copying, above 3 is synthetic images that lie off
    (Meehan et al. 2020, section 3). A class is one cell of their test.

    Args:
        train: features (N, D), N at least 1.
        holdout: features (M, D) of real images that no GAN has seen.
        synthetic: features (K, D).
    """
    fewer = min(len(holdout), len(synthetic))
    if fewer < MIN_RANKED or not len(train):
        return withheld(f"{fewer} images, at least {MIN_RANKED} are needed")
    return Measured(mann_whitney_z(nearest(synthetic, train)[0], nearest(holdout, train)[0]), 1.0)


def mann_whitney_z(a: np.ndarray, b: np.ndarray) -> float:
    """How far values (N,) rank above values (M,), in standard errors; ties share their ranks. 0 when all are equal."""
    values, group, ties = np.unique(np.concatenate([a, b]), return_inverse=True, return_counts=True)
    ranks = np.cumsum(ties) - (ties - 1) / 2
    u = ranks[group[: len(a)]].sum() - len(a) * (len(a) + 1) / 2
    total = len(a) + len(b)
    variance = len(a) * len(b) / 12 * (total + 1 - (ties**3 - ties).sum() / (total * (total - 1)))
    return float((u - len(a) * len(b) / 2) / math.sqrt(variance)) if len(values) > 1 else 0.0


def _halves(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Features of held-out images in two random halves: those in the synthetic images' place, and those beside them."""
    holdout = subject.holdout.features
    order = subject.draws("halves of held-out images").permutation(len(holdout))
    return holdout[order[::2]], holdout[order[1::2]]


def _authenticity(subject: Subject) -> Measured:
    train = subject.train.features
    return authenticity(train, subject.synthetic.features).beside(authenticity(train, subject.holdout.features))


def _distance_ratio(subject: Subject) -> Measured:
    train, holdout, draws = subject.train.features, subject.holdout.features, subject.draws("distance_ratio")
    some, others = subject.once(_halves)
    made = distance_ratio(train, holdout, subject.synthetic.features, draws)
    return made.beside(distance_ratio(train, others, some, draws))


def _c_t(subject: Subject) -> Measured:
    train, (some, others) = subject.train.features, subject.once(_halves)
    return c_t(train, subject.holdout.features, subject.synthetic.features).beside(c_t(train, others, some))


AUTHENTICITY = Metric(
    name="authenticity",
    title="Authenticity",
    says="share of synthetic images that are no near-copies",
    goal="maximize",
    low=0.0,
    high=1.0,
    measure=_authenticity,
    in_log=True,
)
DISTANCE_RATIO = Metric(
    name="distance_ratio",
    title="Distance ratio",
    says="distance to the nearest training image, by that to the nearest held-out one",
    goal=1.0,
    low=0.0,
    high=None,
    measure=_distance_ratio,
)
C_T = Metric(
    name="c_t",
    title="C_T",
    says="under \N{MINUS SIGN}3, they copy training images; above 3, they lie off",
    goal=0.0,
    low=None,
    high=None,
    measure=_c_t,
)
COPYING = (AUTHENTICITY, DISTANCE_RATIO, C_T)
