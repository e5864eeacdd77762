"""At what pace classifiers are trained. Apart from `classifier`, since a plan needs no TensorFlow."""

from __future__ import annotations

import math
from typing import NamedTuple

from dcgan.config.gate import GateConfig
from dcgan.data.split import FOLDS


class Pace(NamedTuple):
    """How a classifier is trained, whatever its number of steps."""

    batch_size: int
    """Images per optimizer step."""
    learning_rate: float
    """Adam's, at first; it decays to 0 along a cosine."""


JUDGING = Pace(128, 1e-3)
"""Of the judge: sure of what it knows after some hundred steps."""
PROOF = Pace(64, 1e-3)
"""Of the classifiers that measure utility: as many images in twice the steps, which is better learnt from."""


def judge_steps(gate: GateConfig) -> tuple[int, int]:
    """Optimizer steps of the judge, and of each of those that leave a fold out."""
    return gate.judge_steps, math.ceil(gate.judge_steps / FOLDS)
