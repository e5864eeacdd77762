"""What the gate asks of a class's images before it asks what they are worth: are they images of that class, and new?

A classifier that draws a quarter of a class from noise may still recognise the held-out images: usefulness alone does
not tell. Each check compares a measure with what real images come to in the same place, and is passed where too few
images let it be measured. The limits are far from what real images or a sound generator come to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcgan.evaluation.copying import AUTHENTICITY, DISTANCE_RATIO
from dcgan.evaluation.gan_train_test import GAN_TEST
from dcgan.evaluation.outlying import OUTLYING
from dcgan.evaluation.prdc import COVERAGE, RECALL

MAX_OUTLYING = 0.5  # of the images; of real ones it is 0.01
MIN_RECOGNISED = 0.5  # of what a classifier recognises of real images
MIN_AUTHENTIC, MAX_NEARNESS = 0.25, 0.75  # of what held-out images come to: share that is no copy, distance ratio
MIN_RECALL, MIN_COVERED = 0.05, 0.5  # of what as many real images come to


def failed(measures: Mapping[str, Any]) -> str:
    """Why a class's images are no new images of it; "" when nothing says so.

    Args:
        measures: by metric, each with `value` and `ceiling`, as in `measures.json`.
    """
    outlying = _value(measures, OUTLYING.name)
    if outlying is not None and outlying > MAX_OUTLYING:
        return f"unlike real images: {outlying:.0%} are farther from every one than 99 % of the held-out images are"
    if _far_under(measures, GAN_TEST.name, MIN_RECOGNISED):
        recognised = measures[GAN_TEST.name]
        return (
            f"taken for another class: a classifier of real images recognises {recognised['value']:.0%} of them, and "
            f"{recognised['ceiling']:.0%} of the real ones"
        )
    if _far_under(measures, AUTHENTICITY.name, MIN_AUTHENTIC) and _far_under(
        measures, DISTANCE_RATIO.name, MAX_NEARNESS
    ):
        copied = 1 - measures[AUTHENTICITY.name]["value"]
        return f"copies: {copied:.0%} are nearer to a training image than its nearest neighbour is"
    if _far_under(measures, RECALL.name, MIN_RECALL) and _far_under(measures, COVERAGE.name, MIN_COVERED):
        recall = measures[RECALL.name]
        among = f"{recall['value']:.0%} of the held-out images lie among them, {recall['ceiling']:.0%} among real ones"
        return f"collapsed: {among}"
    return ""


def _value(measures: Mapping[str, Any], name: str) -> float | None:
    value: float | None = measures.get(name, {}).get("value")
    return value


def _far_under(measures: Mapping[str, Any], name: str, share: float) -> bool:
    """Whether a measure is under a share of what real images come to; not where either is unknown."""
    value, ceiling = _value(measures, name), measures.get(name, {}).get("ceiling")
    return value is not None and ceiling is not None and value < share * ceiling
