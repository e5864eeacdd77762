"""Images that a classifier is surer are of another class than it is of real images that it has not seen."""

from __future__ import annotations

import numpy as np

from dcgan.curation.filters.base import Candidates, Filter, Limits, RealImages

SURE_MIN, SURE_QUANTILE = 0.5, 0.99  # a classifier is sure when it is surer than of so many real images of the class


def limits(real: RealImages) -> dict[str, float]:
    """`label`: a probability; 1 when it was not measured."""
    if real.other_class is None:
        return {"label": 1.0}
    return {"label": max(SURE_MIN, float(np.quantile(real.other_class, SURE_QUANTILE)))}


def rejects(candidates: Candidates, limits: Limits) -> np.ndarray:
    """Those of which it is surer."""
    doubted: np.ndarray = candidates.other_class > limits["label"]
    return doubted


LABEL = Filter("label", "images that a classifier takes for another class", limits, rejects, needs_folds=True)
