"""Nearly empty images."""

from __future__ import annotations

import numpy as np

from dcgan.curation.filters.base import Candidates, Filter, Limits, RealImages

BLANK_SHARE = 0.25  # of the flattest real image's contrast: no real image is nearly as empty


def limits(real: RealImages) -> dict[str, float]:
    """`blank`: standard deviation of all values, 0 to 127.5."""
    return {"blank": float(BLANK_SHARE * min(image.std() for image in real.every_image))}


def rejects(candidates: Candidates, limits: Limits) -> np.ndarray:
    """Those with less contrast."""
    flat: np.ndarray = candidates.images.std((1, 2, 3)) < limits["blank"]
    return flat


BLANK = Filter("blank", "nearly empty images", limits, rejects, by_itself=True)
