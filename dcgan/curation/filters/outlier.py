"""Images far from all real images in the judge's features."""

from __future__ import annotations

import numpy as np

from dcgan.curation.filters.base import Candidates, Filter, Limits, RealImages

OUTLIER_FACTOR = 1.5  # times the largest distance of a real image to its nearest neighbour


def limits(real: RealImages) -> dict[str, float]:
    """`outlier`: a distance."""
    return {"outlier": float(OUTLIER_FACTOR * real.feature_distances.max())}


def rejects(candidates: Candidates, limits: Limits) -> np.ndarray:
    """Those that are farther."""
    far: np.ndarray = candidates.feature_distances > limits["outlier"]
    return far


OUTLIER = Filter("outlier", "images far from all real images in the judge's features", limits, rejects)
