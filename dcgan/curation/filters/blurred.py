"""Images with much less fine detail than any real image has: what a generator makes of a class it has not learnt."""

from __future__ import annotations

import numpy as np

from dcgan.curation.filters.base import Candidates, Filter, Limits, RealImages

BLURRED_SHARE = 0.5  # of the detail of the real image that has least: an image resized to half its size has about that


def detail(images: np.ndarray) -> np.ndarray:
    """How much neighbouring pixels differ, by how much all pixels do, of uint8 (N, H, W, C): (N,), 0 for flat ones.

    The mean square of the discrete Laplacian over the variance: light and contrast count for nothing.
    """
    grey = images.astype(np.float32).mean(3)
    middle = grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    roughness = ((around - 4 * middle) ** 2).mean((1, 2))
    variance = grey.var((1, 2))
    shares: np.ndarray = np.divide(roughness, variance, out=np.zeros(len(images), np.float32), where=variance > 0)
    return shares


def limits(real: RealImages) -> dict[str, float]:
    """`blurred`: see `detail`."""
    return {"blurred": float(BLURRED_SHARE * detail(np.stack(real.every_image)).min())}


def rejects(candidates: Candidates, limits: Limits) -> np.ndarray:
    """Those with less detail."""
    coarse: np.ndarray = detail(candidates.images) < limits["blurred"]
    return coarse


BLURRED = Filter("blurred", "images with much less fine detail than any real one", limits, rejects, by_itself=True)
