"""Commands that do one stage of the job's current run, without Prefect."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from dcgan import budget, outcome, runs, stages, storage
from dcgan.cli.work import stopping_workers, tell
from dcgan.config import JobConfig
from dcgan.errors import ConfigError, StageError
from dcgan.paths import Run
from dcgan.plan import ClassPlan
from dcgan.terminal import display


def run_stage(name: str, job: JobConfig, labels: Sequence[str], *, as_json: bool) -> int:
    """Do the stage `name` for the classes `labels`, or for all that the job asks for.

    Raises:
        ConfigError: a class is named that the job does not ask images of.
        StageError: the stage before has not been done.
    """
    with stopping_workers(), storage.exclusive_lock(runs.job_paths(job).lock), display.live():
        run, _ = runs.open_run(job)
        stages.catalogue(run, job)
        plan = stages.split(run, job)
        wanted = {label: entry["requested"] for label, entry in plan.items() if entry["requested"]}
        if unknown := sorted(set(labels) - set(wanted)):
            raise ConfigError(f"--class {', '.join(unknown)}: images are asked of the classes {', '.join(wanted)}")
        chosen = {label: count for label, count in wanted.items() if not labels or label in labels}
        result = STAGES[name](run, job, plan, chosen)
    if name == "release":
        return tell(result, as_json=as_json)
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else f"{name} of run {run.id} is done: {run.root}")
    return 0


def _train(run: Run, job: JobConfig, _plan: Mapping[str, ClassPlan], chosen: Mapping[str, int]) -> dict[str, Any]:
    stages.judge(run, job)
    spent = 0.0
    if job.training.base:
        spent = stages.base(run, job, budget.of_base(job, len(chosen)))["process_seconds"]
    seconds = budget.of_classes(job, len(chosen), spent)
    return _side_by_side(job, chosen, lambda label: stages.train(run, job, label, seconds))


def _generate(run: Run, job: JobConfig, _plan: Mapping[str, ClassPlan], chosen: Mapping[str, int]) -> dict[str, Any]:
    if missing := [label for label in chosen if not run.model(label).exists()]:
        raise StageError(f"not trained yet: {', '.join(missing)}. Run `dcgan train` first.")
    return _side_by_side(job, chosen, lambda label: stages.generate(run, job, label, chosen[label]))


def _evaluate(run: Run, job: JobConfig, _plan: Mapping[str, ClassPlan], chosen: Mapping[str, int]) -> dict[str, Any]:
    accepted = outcome.accepted(run, chosen)
    if not accepted:
        raise StageError("nothing is generated yet. Run `dcgan generate` first.")
    for number in range(job.gate.classifier_seeds):
        stages.measure(run, job, number)
    return stages.decide(run, job, accepted)


def _release(run: Run, job: JobConfig, plan: Mapping[str, ClassPlan], chosen: Mapping[str, int]) -> dict[str, Any]:
    if not run.evaluation_record.exists():
        raise StageError("nothing is evaluated yet. Run `dcgan evaluate` first.")
    verdicts = storage.read_json(run.evaluation_record)
    ready = outcome.accepted(run, chosen)
    failures = {
        label: "was not generated" for label, entry in plan.items() if entry["requested"] and label not in ready
    }
    summary = stages.release(run, job, outcome.gather(run, job, plan, failures, verdicts, {}))
    runs.finish_run(run, summary["state"])
    return summary


STAGES: dict[str, Callable[[Run, JobConfig, Mapping[str, ClassPlan], Mapping[str, int]], dict[str, Any]]] = {
    "train": _train,
    "generate": _generate,
    "evaluate": _evaluate,
    "release": _release,
}


def _side_by_side(job: JobConfig, labels: Mapping[str, int], work: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    with ThreadPoolExecutor(job.run.processes) as pool:
        return dict(zip(labels, pool.map(work, labels), strict=True))
