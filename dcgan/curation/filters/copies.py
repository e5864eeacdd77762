"""Copies of real training images, or what is nearly one. Equal pixels are found by `Filters`."""

from __future__ import annotations

import numpy as np

from dcgan.curation.filters.base import Candidates, Filter, Limits, RealImages

COPY_SHARE = 0.5  # of the distance that the closest real images have from each other
CLOSEST = 0.05  # which are the closest: this share of the real images, by distance to their nearest neighbour


def limits(real: RealImages) -> dict[str, float]:
    """`copy_pixels` and `copy_features`: distances."""
    return {
        "copy_pixels": float(COPY_SHARE * np.quantile(real.pixel_distances, CLOSEST)),
        "copy_features": float(COPY_SHARE * np.quantile(real.feature_distances, CLOSEST)),
    }


def rejects(candidates: Candidates, limits: Limits) -> np.ndarray:
    """Those that are near in both: in pixels alone, dark images would all be copies; in features alone, alike ones."""
    near: np.ndarray = (candidates.pixel_distances < limits["copy_pixels"]) & (
        candidates.feature_distances < limits["copy_features"]
    )
    return near


COPY = Filter("copy", "copies of a real training image, or nearly", limits, rejects)
