"""`curation`: which candidates are rejected."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dcgan.config.base import Model


class CurationConfig(Model):
    """Which candidates are rejected; thresholds come from each class's real images and are recorded."""

    filters: list[str] = Field(default=["blank", "copy", "duplicate"])
    """Any of `blank`: nearly empty; `blurred`: with much less fine detail than any real image; `copy`: of a real
    training image, or nearly; `duplicate`: of an accepted one; `label`: a classifier is surer that it is of another
    class than of real images that it has not seen; `outlier`: far from all real images in the judge's features."""
    critic_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Keep only this share of the candidates, the best by the discriminator: 0.5 keeps the better half. Scoring a
    candidate costs as much as making it."""
