"""KID: kernel distance between real and synthetic images in a feature space (Binkowski et al. 2018, section 4)."""

from __future__ import annotations

import numpy as np

from dcgan.data.distances import unbiased_mmd
from dcgan.evaluation.metrics.base import Measured, Metric, drawn, withheld
from dcgan.evaluation.metrics.subject import Subject

NUM_SUBSETS = 50
MAX_SUBSET = 500  # images of a kind in one subset
MIN_IMAGES = 4  # two for each half


def kid(real: np.ndarray, synthetic: np.ndarray, draws: np.random.Generator) -> Measured:
    """Mean over random subsets, and the standard deviation between them.

    A subset has half as many images of each kind as there are of the rarer one: the standard deviation between halves
    is the standard error of the whole (the delete-half jackknife), where the halves are not cut to `MAX_SUBSET`.

    Args:
        real: features (N, D) of held-out images.
        synthetic: features (M, D).
        draws: of the subsets.
    """
    fewer = min(len(real), len(synthetic))
    if fewer < MIN_IMAGES:
        return withheld(f"{fewer} images, at least {MIN_IMAGES} are needed")
    size = min(MAX_SUBSET, fewer // 2)
    values = [unbiased_mmd(drawn(real, size, draws), drawn(synthetic, size, draws)) for _ in range(NUM_SUBSETS)]
    return Measured(float(np.mean(values)), float(np.std(values, ddof=1)))


def _measure(subject: Subject) -> Measured:
    # Alone among the comparisons of samples, it does not depend on their sizes, and takes all images.
    draws, holdout = subject.draws("kid"), subject.holdout.features
    made, real = (kid(holdout, others.features, draws) for others in (subject.synthetic, subject.train))
    return made.beside(real)


KID = Metric(
    name="kid",
    title="KID",
    says="distance of the two distributions; 0 on average where they are the same",
    goal="minimize",
    low=None,  # unbiased, so that it can come out below 0
    high=None,
    measure=_measure,
    pooled=True,
    in_log=True,
)
