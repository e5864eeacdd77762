"""Copying: are synthetic images nearer to the images that the GAN was trained on than other real images are?

Three looks at the nearest training image, each against what real images that no GAN has seen come to. A GAN that copies
part of what it saw shows in all three; that none of them shows it is no proof of privacy.
"""

from __future__ import annotations

import math

import numpy as np

from dcgan.data.distances import nearest, neighbour_distances
from dcgan.evaluation.metric import Measured, Metric, drawn, share, withheld

DISTANCE_RATIO = Metric("distance_ratio", goal=1.0, low=0.0, high=None)
AUTHENTICITY = Metric("authenticity", goal="maximize", low=0.0, high=1.0)
C_T = Metric("c_t", goal=0.0, low=None, high=None)
COPYING = (DISTANCE_RATIO, AUTHENTICITY, C_T)

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
