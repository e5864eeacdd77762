"""The budget: `training.max_minutes` of a run, shared out over the shared base and the classes by need.

Shares are known before a class begins, so that they hold wherever it is trained. They are of `process.seconds`, so that
a start counts where there is one.
"""

from __future__ import annotations

import math

from dcgan.config import ResolvedJob
from dcgan.errors import ConfigError

BASE_STEP = 0.6  # of a class's step in time: the base has all cores to itself (measured at 28 x 28 px on two cores)

MIN_SECONDS = 3.0  # of a process's life in which none has started TensorFlow and taken a step


def require_enough(job: ResolvedJob, num_classes: int) -> None:
    """Refuse a budget in which the processes could only be started.

    Args:
        job: resolved.
        num_classes: to train.

    Raises:
        ConfigError: with the least that can be enough.
    """
    minutes = job.training.max_minutes
    if minutes is None:
        return
    num_processes = _rounds(job, num_classes) + bool(job.training.base)  # one after the other
    if 60 * minutes < MIN_SECONDS * num_processes:
        least = math.ceil(100 * MIN_SECONDS * num_processes / 60) / 100
        raise ConfigError(
            f"training.max_minutes is {minutes:g}, to be shared by {num_processes} trainings one after the "
            f"other: less than a process takes to start. Set at least {least:g} minutes, better more"
        )


def of_base(job: ResolvedJob, num_classes: int) -> float | None:
    """Seconds for the shared base, before `num_classes` classes; None when the run has no budget."""
    training = job.training
    if training.max_minutes is None:
        return None
    base = BASE_STEP * training.base_steps
    return 60 * training.max_minutes * base / (base + training.class_steps * _rounds(job, num_classes))


def of_classes(job: ResolvedJob, num_classes: int, spent: float) -> float | None:
    """Seconds for each of `num_classes` classes; None when the run has no budget.

    Every class needs the same number of steps, whatever its size, so that shares are equal.

    Args:
        job: resolved.
        num_classes: to train, `run.processes` of them side by side.
        spent: seconds that the base has taken.
    """
    if job.training.max_minutes is None:
        return None
    return max(0.0, 60 * job.training.max_minutes - spent) / max(1, _rounds(job, num_classes))


def _rounds(job: ResolvedJob, num_classes: int) -> int:
    """How many classes a process trains one after the other."""
    return -(-num_classes // job.run.processes)
