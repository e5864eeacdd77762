"""The metrics of synthetic images: one file for each metric or family, and here their order.

To add one, write its file and name it in `METRICS`; see docs/contributing/architecture.md.
"""

from __future__ import annotations

from dcgan.evaluation.metrics.base import Metric
from dcgan.evaluation.metrics.copying import COPYING
from dcgan.evaluation.metrics.frechet import FRECHET
from dcgan.evaluation.metrics.gan_train_test import GAN_TRAIN_TEST
from dcgan.evaluation.metrics.kid import KID
from dcgan.evaluation.metrics.outlying import OUTLYING
from dcgan.evaluation.metrics.prdc import PRDC
from dcgan.evaluation.metrics.variety import VARIETY
from dcgan.evaluation.metrics.vendi import VENDI

METRICS: tuple[Metric, ...] = (KID, FRECHET, *PRDC, VARIETY, VENDI, OUTLYING, *COPYING, *GAN_TRAIN_TEST)
"""All that are measured, in the order in which they are recorded and shown."""
