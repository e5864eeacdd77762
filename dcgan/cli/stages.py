"""Commands that do one stage of the job's current run, without Prefect."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import click

from dcgan.cli.terminal import display
from dcgan.cli.work import stopping_workers, tell
from dcgan.config import JobConfig
from dcgan.errors import ConfigError, StageError
from dcgan.evaluation.sets import compared
from dcgan.evaluation.share import TRIED
from dcgan.files import storage
from dcgan.pipeline import stages
from dcgan.run import budget, history, outcome, runs
from dcgan.run.paths import Run
from dcgan.run.plan import ClassPlan

T = TypeVar("T")


def run_stage(name: str, job: JobConfig, labels: Sequence[str], *, given: str, as_json: bool) -> int:
    """Do the stage `name` for the classes `labels`, or for all that the job asks for.

    Args:
        name: one of `STAGES`.
        job: resolved.
        labels: of `--class`; none: every class that images are asked of.
        given: job file and settings as the user gave them, to repeat in the command that does what is missing.
        as_json: print the stage's record.

    Raises:
        ConfigError: a class is named that the job does not ask images of.
        StageError: a stage before has not been done.
    """
    with stopping_workers(), storage.exclusive_lock(runs.job_paths(job).lock), display.live():
        run, _ = stages.begin(job)
        stages.catalogue(run, job)
        plan = stages.split(run, job)
        stages.carry_over(run, job)
        wanted = {label: entry["requested"] for label, entry in plan.items() if entry["requested"]}
        if unknown := sorted(set(labels) - set(wanted)):
            raise ConfigError(f"--class {', '.join(unknown)}: images are asked of the classes {', '.join(wanted)}")
        chosen = {label: count for label, count in wanted.items() if not labels or label in labels}
        if missing := _missing(name, run, chosen, wanted, given):
            ready = [label for label in chosen if not _missing(name, run, [label], wanted, given)]
            if not ready:
                raise StageError(missing)
            if name != "evaluate":  # which measures what there is, and can be done again
                others = f"dcgan {name} {given}{_of_classes(ready)}"
                raise StageError(f"{missing}\nTo {name} without waiting for that: {others}")
            display.say(f"Not every class gets a verdict: {missing}")
        result = STAGES[name](run, job, plan, chosen)
    if name == "release":
        return tell(result, as_json=as_json)
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else f"{name} of run {run.id} is done: {run.root}")
    return 0


def _missing(name: str, run: Run, labels: Iterable[str], wanted: Collection[str], given: str) -> str:
    """The first stage before `name` that some of `labels` lack, and the command that does it; "" when none does."""
    for stage, (done, is_done) in DONE.items():
        if stage == name:
            break
        if lacking := [label for label in labels if not is_done(run, label)]:
            every = len(lacking) == len(wanted)
            told = "no class was" if every else _named(lacking)
            classes = "" if every or stage == "evaluate" else _of_classes(lacking)  # one evaluation is of all classes
            return f"{told} {done} yet: dcgan {stage} {given}{classes}"
    return ""


def _named(labels: Sequence[str]) -> str:
    return f"class {labels[0]} was not" if len(labels) == 1 else f"classes {', '.join(labels)} were not"


def _of_classes(labels: Iterable[str]) -> str:
    return "".join(f" --class {shlex.quote(label)}" for label in labels)


def _is_evaluated(run: Run, label: str) -> bool:
    """Whether the newest evaluation had images of this class, or need not have: a class that is short takes no part."""
    if outcome.is_short(run, label):
        return True
    record = storage.read_json(run.evaluation_record) if run.evaluation_record.exists() else {"classes": {}}
    return bool(record["classes"].get(label, {"verdict": "none"})["verdict"] != "none")


DONE: dict[str, tuple[str, Callable[[Run, str], bool]]] = {
    "train": ("trained", lambda run, label: run.model(label).exists()),
    "generate": ("generated", lambda run, label: bool(outcome.accepted(run, [label]))),
    "evaluate": ("evaluated", _is_evaluated),
}
"""The stages that others wait for, in their order: what to call it, and whether it was done to a class."""


def _train(run: Run, job: JobConfig, _plan: Mapping[str, ClassPlan], chosen: Mapping[str, int]) -> dict[str, Any]:
    stages.judge(run, job)
    spent, left = 0.0, stages.carry_over(run, job)
    if left["base"]:
        spent = stages.base(run, job, budget.of_base(job, len(chosen)))["process_seconds"]
    seconds = budget.of_classes(job, len(chosen), spent)
    return _side_by_side(job, chosen, lambda label: stages.train(run, job, label, seconds))


def _generate(run: Run, job: JobConfig, _plan: Mapping[str, ClassPlan], chosen: Mapping[str, int]) -> dict[str, Any]:
    shards = [some for label, count in chosen.items() for some in stages.shards(run, job, label, count)]
    _side_by_side(job, shards, lambda some: stages.make_shards(run, job, some))
    return _side_by_side(job, chosen, lambda label: stages.generate(run, job, label, chosen[label]))


def _evaluate(run: Run, job: JobConfig, _plan: Mapping[str, ClassPlan], _chosen: Mapping[str, int]) -> dict[str, Any]:
    _side_by_side(job, stages.slots(job, range(len(TRIED))), lambda some: stages.try_shares(run, job, some))
    stages.choose_share(run)
    classifiers = range(len(compared(job.gate.classifier_seeds)))
    _side_by_side(job, stages.slots(job, classifiers), lambda some: stages.measure(run, job, some))
    stages.measures(run, job)
    return stages.decide(run, job)


def _release(run: Run, job: JobConfig, plan: Mapping[str, ClassPlan], chosen: Mapping[str, int]) -> dict[str, Any]:
    verdicts = storage.read_json(run.evaluation_record) if run.evaluation_record.exists() else {}
    failures = {
        label: "left out by --class" for label, entry in plan.items() if entry["requested"] and label not in chosen
    }
    summary = stages.release(run, job, outcome.gather(run, job, plan, failures, verdicts, {}))
    history.finish_run(run, summary["state"], summary)
    return summary


STAGES: dict[str, Callable[[Run, JobConfig, Mapping[str, ClassPlan], Mapping[str, int]], dict[str, Any]]] = {
    "train": _train,
    "generate": _generate,
    "evaluate": _evaluate,
    "release": _release,
}


def _side_by_side(job: JobConfig, items: Collection[T], work: Callable[[T], dict[str, Any]]) -> dict[T, Any]:
    with ThreadPoolExecutor(job.run.processes) as pool:
        return dict(zip(items, pool.map(work, items), strict=True))
