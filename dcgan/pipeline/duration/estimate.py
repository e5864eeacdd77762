"""From work and rates to seconds."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Sequence

from dcgan.config import ResolvedJob
from dcgan.curation.parts import PART, SHARDS_MIN
from dcgan.pipeline.duration.work import ClassWork, Work
from dcgan.run import budget
from dcgan.run.records import Estimate, Rates

JUDGE, BASE, MAKING, PROOF = ("judge", "shared base", "training and generation", "evaluation")
"""The stages that processes work on, as `Night.lap` calls them."""

NIGHT = 8 * 3600.0  # seconds
ABOUT = 1.1  # times as long is no reason for more machines
MAX_MACHINES = 16  # that are thought of


def estimate(job: ResolvedJob, work: Work, rates: Rates, *, machines: int = 1) -> Estimate:
    """How long a run would take, by stage.

    Args:
        job: resolved.
        work: of the run.
        rates: of this machine.
        machines: like this one that share the classes and the classifiers; one alone trains judge and base.
    """
    processes, seconds = machines * job.run.processes, {}
    if work.judge_steps:
        seconds[JUDGE] = work.judge_steps * rates.judge_step
    if work.base_steps:
        seconds[BASE] = work.base_steps * rates.base_step
    if work.classes:
        seconds[MAKING] = 0.0
    if work.classifiers:
        of_each = [steps * rates.classifier_step + rates.classifier_rest for steps in work.classifiers]
        seconds[PROOF] = makespan(of_each, processes)
    starts = starting(seconds, job)
    for stage in starts:
        seconds[stage] += rates.start
    num_trained = sum(one.steps > 0 for one in work.classes)
    if BASE in seconds:
        seconds[BASE] = _within(seconds[BASE], budget.of_base(job, num_trained))
    if MAKING in seconds:
        limit = budget.of_classes(job, num_trained, seconds.get(BASE, 0.0))
        each, shared = _of_classes(work.classes, rates, limit, processes)
        seconds[MAKING] += makespan(each, processes) + shared
    return Estimate(seconds=seconds, run_id=rates.run_id)


def starting(stages: Collection[str], job: ResolvedJob) -> list[str]:
    """The stages, of those that have something to do, that begin by starting processes; others go on with these."""
    alone = [stage for stage in (JUDGE, BASE) if stage in stages]
    together = [stage for stage in (MAKING, PROOF) if stage in stages]
    if job.run.processes == 1:
        return (alone + together)[:1]
    return alone[:1] + together[:1]


def enough_machines(job: ResolvedJob, work: Work, rates: Rates) -> tuple[int, Estimate] | None:
    """With how many machines a run is done in a night, and how long it would take then; None: one is enough.

    Where not even `MAX_MACHINES` are enough, the fewest that are about as fast as any.
    """
    if estimate(job, work, rates).total <= NIGHT:
        return None
    found = {number: estimate(job, work, rates, machines=number) for number in range(2, MAX_MACHINES + 1)}
    fastest = min(one.total for one in found.values())
    return next((number, one) for number, one in found.items() if one.total <= max(NIGHT, ABOUT * fastest))


def makespan(durations: Sequence[float], processes: int) -> float:
    """When the last of some tasks ends that are begun in their order, so many side by side."""
    ends = [0.0] * max(1, processes)
    for duration in durations:
        heapq.heappush(ends, heapq.heappop(ends) + duration)
    return max(ends)


def _of_classes(
    classes: Sequence[ClassWork], rates: Rates, limit: float | None, processes: int
) -> tuple[list[float], float]:
    """Seconds of each class, and of the images of large classes, which all processes make."""
    each, shared = [], 0.0
    for one in classes:
        duration = rates.class_rest
        if one.steps:
            steps = math.ceil(one.steps * rates.class_share)
            duration = _within(duration + steps * rates.class_step, limit)
        if one.images >= SHARDS_MIN * PART and processes > 1:
            shared += one.images * rates.image / processes
        else:
            duration += one.images * rates.image
        each.append(duration)
    return each, shared


def _within(seconds: float, limit: float | None) -> float:
    return seconds if limit is None else min(seconds, limit)
