"""The score that decides which step of a training ships: small samples, cheap, the lower the better.

KID (Binkowski et al. 2018, section 4: unbiased squared MMD, polynomial kernel of degree 3) between samples and real
images, on the features of the job's classifiers that have not seen these real images, plus a term for coverage (Naeem
et al. 2020, section 3.2: the share of real images that have a sample nearer than their k-th real neighbour), so that
few good-looking images repeated cannot win. Read as a difference between steps of one class only: features, sample size
and scale are the job's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

import numpy as np

from dcgan.data.distances import mean_kernel, mean_off_diagonal, squared_distances, unbiased_mmd

if TYPE_CHECKING:
    from dcgan.networks.classifier import Look

NUM_SAMPLES = 128  # the standard error of KID at this size is about a tenth of what one stage of training changes
NEIGHBOURS = 5  # as in Naeem et al.; fewer where there are not as many real images
COVERAGE_WEIGHT = 0.5  # of missing coverage, 0 to 1, beside KID, which is near 0 for alike and over 1 for unlike images
AS_GOOD = 0.1  # scores no farther apart tell no steps apart: from look to look they change that much by chance
COLLAPSE = 0.1  # of the real images' mean pairwise distance: samples closer than that are nearly one image


@dataclass(frozen=True)
class Score:
    """What is known of one step's samples."""

    kid: float
    """Squared MMD; 0 on average for samples of the real distribution, so that it can be negative."""
    coverage: float
    """Share of the real images that are covered, 0 to 1."""
    diversity: float
    """Mean pairwise distance of samples, as a share of the real images'."""

    @property
    def value(self) -> float:
        """The lower, the better."""
        return self.kid + COVERAGE_WEIGHT * (1 - self.coverage)

    @property
    def collapsed(self) -> bool:
        """Whether the samples are nearly all one image."""
        return self.diversity < COLLAPSE


class Scorer:
    """Scores samples of one class against real images of it."""

    def __init__(self, look: Look, real: np.ndarray) -> None:
        """Take features of the real images.

        Args:
            look: the judge's, see `dcgan.networks.classifier.looker`.
            real: uint8 (n, H, W, C), n at least 2.
        """
        self._look = look
        features = look(real)[1].astype(np.float64)
        # One scale for all features keeps the kernel's values near 1, whatever the classifier's are.
        self._scale = float(np.sqrt((features**2).mean())) or 1.0
        self._real = features / self._scale
        self._within_real = mean_kernel(self._real)
        distances = np.sqrt(squared_distances(self._real, self._real))
        neighbours = min(NEIGHBOURS, len(real) - 1)
        self._radii = np.sort(distances, axis=1)[:, neighbours]
        self._real_diversity = mean_off_diagonal(distances)

    def __call__(self, samples: np.ndarray) -> Score:
        """Score uint8 (N, H, W, C), N at least 2."""
        fake = self._look(samples)[1].astype(np.float64) / self._scale
        nearest = np.sqrt(squared_distances(self._real, fake)).min(1)
        diversity = mean_off_diagonal(np.sqrt(squared_distances(fake, fake)))
        return Score(
            kid=unbiased_mmd(self._real, fake, within_a=self._within_real),
            coverage=float((nearest <= self._radii).mean()),
            diversity=float(diversity / self._real_diversity) if self._real_diversity else 1.0,
        )


class FoldScorer:
    """Scores samples of one class by several judges, each beside real images that it was not trained on."""

    def __init__(self, looks: Sequence[Look], real: Sequence[np.ndarray]) -> None:
        """Take features of the real images.

        Args:
            looks: the judges', see `dcgan.networks.classifier.load_folds`.
            real: for each judge, uint8 (n, H, W, C) that it has not seen; one has at least 2.
        """
        self._scorers = [Scorer(look, images) for look, images in zip(looks, real, strict=True) if len(images) > 1]

    def __call__(self, samples: np.ndarray) -> Score:
        """The mean of the judges' scores of uint8 (N, H, W, C), N at least 2.

        Diversity is the median's: beside two or three real images that happen to be alike, any samples look diverse.
        """
        scores = [scorer(samples) for scorer in self._scorers]
        return Score(
            kid=fmean(score.kid for score in scores),
            coverage=fmean(score.coverage for score in scores),
            diversity=median(score.diversity for score in scores),
        )
