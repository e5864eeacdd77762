"""Fréchet distance between normal distributions fitted to real and to synthetic features.

The distance of Heusel et al. (2017), section 2, but on the features of the space that is named beside it, so that it is
no FID, which is that of one certain network, and cannot be compared with one.
"""

from __future__ import annotations

import numpy as np

from dcgan.evaluation.metrics.base import Measured, Metric, beside_training, jackknife, withheld

UNBIASED_FROM = 2048  # images of a kind, under which the bias is of the size of what one wants to see


def frechet(real: np.ndarray, synthetic: np.ndarray) -> Measured:
    """The distance, and its jackknife error.

    Args:
        real: features (N, D) of held-out images.
        synthetic: features (M, D).
    """
    fewer, dimensions = min(len(real), len(synthetic)), real.shape[1]
    if fewer < max(dimensions, 2):
        return withheld(f"{fewer} images, fewer than the {dimensions} dimensions of the features")
    note = f"biased upwards: fewer than {UNBIASED_FROM:,} images" if fewer < UNBIASED_FROM else ""
    return Measured(frechet_distance(real, synthetic), jackknife(frechet_distance, real, synthetic), note=note)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|mean difference|^2 + trace(A + B - 2 (A B)^(1/2)), A and B the covariances of (N, D) and (M, D), at least 0."""
    difference = a.mean(0) - b.mean(0)
    cov_a, cov_b = (np.atleast_2d(np.cov(points, rowvar=False)) for points in (a, b))
    # A B has the eigenvalues of sqrt(A) B sqrt(A), which is symmetric: their roots are real.
    values, vectors = np.linalg.eigh(cov_a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    of_product = np.linalg.eigvalsh(root @ cov_b @ root)
    trace = np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(np.maximum(of_product, 0)).sum()
    return max(0.0, float(difference @ difference + trace))


FRECHET = Metric(
    name="frechet",
    title="Fréchet distance",
    says="distance of normal distributions fitted to both",
    goal="minimize",
    low=0.0,
    high=None,
    measure=lambda subject: beside_training(subject, "frechet", lambda real, made, _: frechet(real, made)),
    pooled=True,
)
