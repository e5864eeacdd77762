"""How long a run would take, for the commands that say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dcgan.cli.stopping import until_stopped
from dcgan.config import LOCAL, ResolvedJob
from dcgan.errors import StageError
from dcgan.pipeline import duration
from dcgan.pipeline.duration.timing import timed
from dcgan.pipeline.reuse import Reuse
from dcgan.run import sentences
from dcgan.run.records import ClassPlan, Estimate, Rates
from dcgan.terminal import display
from dcgan.text import rough_duration


@dataclass(frozen=True)
class Needed:
    """The time that a run would take."""

    here: Estimate
    """On this machine alone."""
    shared: tuple[int, Estimate] | None = None
    """Where that is more than a night: how many machines like this one make it one, and the time then."""


def time_needed(
    job: ResolvedJob, plan: Mapping[str, ClassPlan], shape: tuple[int, int, int], reused: Reuse, *, timing: bool
) -> Needed | None:
    """How long a run would take; None: it is not known.

    Args:
        job: resolved.
        plan: of each class.
        shape: (H, W, C) of the images.
        reused: what it takes over.
        timing: time a few steps where no earlier run tells.

    Raises:
        Interrupted: a stop was requested.
    """
    work = duration.work_of(job, plan, reused)
    if work.is_nothing:
        return Needed(Estimate(seconds={}, run_id=None))
    [rates] = rates_here([job], shape, plan, timing=timing)
    if rates is None:
        return None
    return Needed(duration.estimate(job, work, rates), duration.enough_machines(job, work, rates))


def rates_here(
    jobs: Sequence[ResolvedJob],
    shape: tuple[int, int, int],
    plan: Mapping[str, ClassPlan],
    *,
    timing: bool,
) -> list[Rates | None]:
    """How fast this machine does the work of some jobs that differ in `training` alone; None: it is not known.

    Args and errors as for `time_needed`.
    """
    wanted = [duration.conditions(job, shape) for job in jobs]
    known = {one: duration.rates_of_earlier_runs(job, one) for one, job in zip(wanted, jobs, strict=True)}
    unknown = {one: job for one, job in zip(wanted, jobs, strict=True) if known[one] is None}
    if unknown and timing:
        display.say("Timing a few steps on this machine (--no-timing leaves this out)")
        try:
            with display.live():
                found = until_stopped(lambda: timed(list(unknown.values()), shape, plan))
            known |= zip(unknown, found, strict=True)
        except StageError as error:  # a process died
            display.say(f"Warning: {error}")
    return [known[one] for one in wanted]


def in_words(job: ResolvedJob, needed: Needed | None) -> Iterator[str]:
    """The time that a run would take, in lines."""
    if needed is None:
        yield "not known: no earlier run on this machine has trained such networks"
        return
    yield sentences.time_needed(needed.here)
    if needed.here.seconds:
        known = f"as run {needed.here.run_id} took" if needed.here.run_id else "by a few steps that were timed"
        yield f"on this machine{'' if job.run.on == LOCAL else ' alone'}, {known}"
    if needed.shared:
        number, shared = needed.shared
        yield f"about {rough_duration(shared.total)} on {number} machines like this one: see run.on"
