"""Variety: do two synthetic images of a class differ as much as two real ones do?

It looks at pixels and at no network's features, which know what tells classes apart and perhaps little of what differs
within one. Images are made coarse, and equal in light and contrast, so that texture and noise count for little, and a
change of light for nothing.
"""

from __future__ import annotations

import math

import numpy as np

from dcgan.evaluation.metrics.base import NUM_GROUPS, Measured, Metric, jackknife, withheld
from dcgan.evaluation.metrics.subject import Subject
from dcgan.files.pictures import resized

SIDE = 16  # px that images are brought to
FLAT = 8.0  # grey levels of standard deviation under which an image's contrast is not raised: it may be but noise
LEAST = 1e-6  # of a spread squared, which is about 1 per value: keeps the ratio finite where real images are all alike


def variety(real: np.ndarray, synthetic: np.ndarray) -> Measured:
    """Root mean square distance of two synthetic images, by that of two real ones, and its jackknife error.

    Args:
        real: uint8 (N, H, W, C), held-out images of one class.
        synthetic: uint8 (M, H, W, C).
    """
    fewer = min(len(real), len(synthetic))
    if fewer <= NUM_GROUPS:
        return withheld(f"{fewer} images, at least {NUM_GROUPS + 1} are needed")
    of_real, of_synthetic = _coarse(real), _coarse(synthetic)
    return Measured(_ratio(of_real, of_synthetic), jackknife(_ratio, of_real, of_synthetic))


def _ratio(real: np.ndarray, synthetic: np.ndarray) -> float:
    return _spread(synthetic) / _spread(real)


def _spread(points: np.ndarray) -> float:
    """Root of the variances' sum over (N, D): the mean square distance of two points is twice that sum."""
    return math.sqrt(points.var(0, ddof=1).sum() + LEAST)


def _coarse(images: np.ndarray) -> np.ndarray:
    """Shapes without their light: float64 (N, D)."""
    small = resized(images, (SIDE, SIDE), images.shape[-1]).astype(np.float64)
    small -= small.mean((1, 2), keepdims=True)
    contrast = small.std((1, 2, 3), keepdims=True)
    shapes: np.ndarray = small / np.maximum(contrast, FLAT)
    return shapes.reshape(len(images), -1)


def _measure(subject: Subject) -> Measured:
    holdout = subject.holdout.images
    made, real = (variety(holdout, others.images) for others in (subject.synthetic, subject.train))
    return made.beside(real)


VARIETY = Metric(
    name="variety",
    title="Variety",
    says="how far two synthetic images are apart, by how far two real ones are",
    goal=1.0,
    low=0.0,
    high=None,
    measure=_measure,
)
