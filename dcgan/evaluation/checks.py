"""What the gate checks before it asks what a class's images are worth: are they images of that class, and new?

Usefulness alone does not show that: a classifier that draws a quarter of a class from noise may still recognise the
held-out images. Each check compares a measure with its value for real images in the same place, and passes if there are
too few images to measure. The limits are far from the values of real images and of a sound generator.
"""

from __future__ import annotations

from collections.abc import Mapping

from dcgan.evaluation.metrics.base import Metric
from dcgan.evaluation.metrics.copying import AUTHENTICITY, DISTANCE_RATIO
from dcgan.evaluation.metrics.gan_train_test import GAN_TEST
from dcgan.evaluation.metrics.outlying import OUTLYING
from dcgan.evaluation.metrics.prdc import COVERAGE, RECALL
from dcgan.run.records import Check, FailedCheck, Measure

MAX_OUTLYING = 0.5  # of the images; of real ones it is 0.01
MIN_RECOGNISED = 0.5  # of the share of real images that a classifier recognises
MIN_AUTHENTIC, MAX_NEARNESS = 0.25, 0.75  # of the values of held-out images: share of no copies, distance ratio
MIN_RECALL, MIN_COVERED = 0.05, 0.5  # of the values of as many real images


def failed(measures: Mapping[str, Measure]) -> FailedCheck | None:
    """The first check that a class's images fail; None if they pass all.

    Args:
        measures: of the class, by metric.
    """
    outlying = _value(measures, OUTLYING)
    if outlying is not None and outlying > MAX_OUTLYING:
        return _failed(Check.OUTLYING, OUTLYING, measures)
    if _far_under(measures, GAN_TEST, MIN_RECOGNISED):
        return _failed(Check.UNRECOGNISED, GAN_TEST, measures)
    if _far_under(measures, AUTHENTICITY, MIN_AUTHENTIC) and _far_under(measures, DISTANCE_RATIO, MAX_NEARNESS):
        return _failed(Check.COPIED, AUTHENTICITY, measures)
    if _far_under(measures, RECALL, MIN_RECALL) and _far_under(measures, COVERAGE, MIN_COVERED):
        return _failed(Check.COLLAPSED, RECALL, measures)
    return None


def _failed(check: Check, decided_by: Metric, measures: Mapping[str, Measure]) -> FailedCheck:
    measure = measures[decided_by.name]
    assert measure.value is not None
    return FailedCheck(check=check, measure=decided_by.name, value=measure.value, ceiling=measure.ceiling)


def _value(measures: Mapping[str, Measure], metric: Metric) -> float | None:
    measure = measures.get(metric.name)
    return measure.value if measure else None


def _far_under(measures: Mapping[str, Measure], metric: Metric, share: float) -> bool:
    """Whether a measure is below a share of its value for real images; False if either is unknown."""
    measure = measures.get(metric.name)
    if measure is None or measure.value is None or measure.ceiling is None:
        return False
    return measure.value < share * measure.ceiling
