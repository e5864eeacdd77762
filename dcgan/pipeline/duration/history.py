"""What earlier runs on this machine tell about its speed."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping

from dcgan.config import LOCAL, ResolvedJob
from dcgan.curation.parts import PART, SHARDS_MIN
from dcgan.errors import StorageError
from dcgan.evaluation.recipes import taken_over
from dcgan.files import urls
from dcgan.pipeline.duration.conditions import conditions
from dcgan.pipeline.duration.estimate import BASE, JUDGE, MAKING, PROOF, makespan, starting
from dcgan.pipeline.duration.work import class_steps, classifiers, judge_steps
from dcgan.run import records, runs, summary
from dcgan.run.paths import JobFolder, Run
from dcgan.run.plan import make_plan
from dcgan.run.records import (
    Change,
    ClassPlan,
    Conditions,
    FingerprintsRecord,
    Rates,
    SplitRecord,
    Stopped,
    TrainingRecord,
)

log = logging.getLogger(__name__)


def rates_of_earlier_runs(job: ResolvedJob, wanted: Conditions) -> Rates | None:
    """The rates that the newest run under the same conditions left: of this job, or else of others beside it."""
    for run in _earlier_runs(job):
        try:
            rates = records.read_if_there(run.rates, Rates)
        except StorageError as error:
            log.warning("%s", error)
            continue
        if rates and rates.conditions == wanted:
            return rates
    return None


def _earlier_runs(job: ResolvedJob) -> Iterator[Run]:
    places = runs.job_paths(job)
    yield from runs.newest_first(places)
    if not urls.is_url(job.outputs.root) and places.root.parent.is_dir():
        others = [JobFolder(folder) for folder in sorted(places.root.parent.iterdir()) if folder != places.root]
        yield from (run for other in others for run in runs.newest_first(other))


def learn(run: Run, job: ResolvedJob, seconds: Mapping[str, float]) -> None:
    """Leave in a run's folder how long each kind of its work took, for estimates.

    What the run took over tells nothing: of that, the rates of earlier runs stay. Where there are none, it leaves
    nothing.

    Args:
        run: ended, and never interrupted.
        job: resolved.
        seconds: by stage, as in `RunSummary.seconds`.
    """
    if job.run.on != LOCAL:
        return
    split = records.read(run.split_record, SplitRecord)
    wanted, plan = conditions(job, split.image_shape), make_plan(job, split)
    before = rates_of_earlier_runs(job, wanted)
    found = before.model_dump(exclude={"conditions", "run_id"}) if before else {}
    trained = [record for record in (_trained(run, label) for label in plan) if record]
    base = records.read_if_there(run.base / "record.json", TrainingRecord)
    carried = records.read(run.fingerprints, FingerprintsRecord).taken_over
    worked = {
        JUDGE: "judge" not in carried,
        BASE: base is not None and base.run_id == run.id,
        MAKING: bool(trained),
        PROOF: "evaluation" not in carried,
    }
    at_work = {stage: seconds[stage] for stage, did in worked.items() if did and stage in seconds}
    starts = starting(at_work, job)
    if trained:  # a process's first class has waited for it
        longest = max(record.process_seconds - record.seconds for record in trained)
        found["start"] = min(longest, *(at_work[stage] for stage in starts), math.inf)
    if "start" in found:
        left = {stage: max(0.0, took - found["start"] * (stage in starts)) for stage, took in at_work.items()}
        found |= _of_classes(run, job, plan, left) | _of_other_stages(run, job, plan, left)
    if set(Rates.model_fields) <= {*found, "conditions", "run_id"}:
        records.write(run.rates, Rates(conditions=wanted, run_id=run.id, **found))


def _of_classes(
    run: Run, job: ResolvedJob, plan: Mapping[str, ClassPlan], seconds: Mapping[str, float]
) -> dict[str, float]:
    """The rates of training and generation; {} where no class was trained, or not all that was done is known."""
    changes = records.read(run.fingerprints, FingerprintsRecord).changes
    worked = [label for label, change in changes.items() if change not in (Change.KEPT, Change.FEWER)]
    trained = {label: record for label in worked if (record := _trained(run, label))}
    made = {label: one for label in worked if (one := summary.generation_of(run, label))}
    large = any(plan[label].requested >= SHARDS_MIN * PART for label in worked)  # made by all processes, beforehand
    if MAKING not in seconds or not trained or large or len(made) < len(worked):
        return {}
    whole = [record for record in trained.values() if record.stopped is not Stopped.TIME_RAN_OUT]
    num_planned = sum(class_steps(job, further=record.further) for record in whole)
    anew = [record for label, record in made.items() if changes[label] is not Change.MORE]
    in_steps = {label: record.seconds for label, record in trained.items()}
    known = makespan([in_steps.get(label, 0.0) + made[label].seconds for label in worked], job.run.processes)
    rounds = math.ceil(len(worked) / job.run.processes)
    return {
        "class_step": sum(in_steps.values()) / max(1, sum(record.steps for record in trained.values())),
        "class_share": sum(record.steps for record in whole) / num_planned if whole else 1.0,
        "class_rest": max(0.0, seconds[MAKING] - known) / rounds,
        "image": sum(record.seconds for record in anew) / max(1, sum(record.accepted for record in anew)),
    }


def _of_other_stages(
    run: Run, job: ResolvedJob, plan: Mapping[str, ClassPlan], seconds: Mapping[str, float]
) -> dict[str, float]:
    """The rates of the stages in which a process was at work."""
    found = {} if job.training.base else {"base_step": 0.0}
    if JUDGE in seconds:
        found["judge_step"] = seconds[JUDGE] / judge_steps(job)
    if BASE in seconds:
        base = records.read(run.base / "record.json", TrainingRecord)
        # Steps that an incident threw away are done again another time.
        cut = base.stopped is Stopped.TIME_RAN_OUT
        found["base_step"] = seconds[BASE] / (max(1, base.steps) if cut else job.training.base_steps)
    if PROOF in seconds:
        steps = classifiers(job, plan, trials_too=taken_over(run) is None)
        found["classifier_rest"] = 0.0  # not known apart
        found["classifier_step"] = seconds[PROOF] / makespan(steps, job.run.processes)
    return found


def _trained(run: Run, label: str) -> TrainingRecord | None:
    """The record of a class that was trained in this very run."""
    record = records.read_if_there(run.training(label) / "record.json", TrainingRecord)
    return record if record and record.run_id == run.id else None
