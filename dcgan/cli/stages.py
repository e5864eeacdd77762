"""Commands that perform some of the stages of the job's current run, without Prefect."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Sequence

from dcgan.cli.stopping import until_stopped
from dcgan.cli.work import tell
from dcgan.config import ResolvedJob
from dcgan.errors import ConfigError, StageError
from dcgan.pipeline.night import opened
from dcgan.pipeline.order import Order
from dcgan.pipeline.performing import by_threads
from dcgan.run import records, summary
from dcgan.run.paths import Run
from dcgan.run.records import EvaluationRecord, GenerationRecord, TrainingRecord, Verdict
from dcgan.terminal import display, echo, echo_json

LEFT_OUT = "left out by --class"


def run_stages(command: str, job: ResolvedJob, labels: Sequence[str], *, given: str, as_json: bool) -> int:
    """Perform the stages of a command for the classes `labels`, or for all that the job asks for.

    Args:
        command: one of `pipeline.stages.commands`.
        job: resolved.
        labels: of `--class`; none: every class that images are asked of.
        given: job file and settings as the user gave them, to repeat in the command that does what is missing.
        as_json: print what it came to.

    Raises:
        ConfigError: a class is named that the job does not ask images of.
        StageError: a stage before has not been performed, or a class failed.
    """
    with display.live():
        order = until_stopped(lambda: _perform(command, job, labels, given))
    night = order.night
    if night.result is not None:
        return tell(night.result, as_json=as_json)
    if as_json and order.evaluation:
        echo_json(order.evaluation.model_dump(mode="json"))
    elif as_json:
        newest = {label: _newest(night.run, label) for label in order.chosen}
        echo_json({label: record.model_dump(mode="json") if record else {} for label, record in newest.items()})
    else:
        echo(f"{command} of run {night.run.id} is done: {night.run.root}")
    return 0


def _perform(command: str, job: ResolvedJob, labels: Sequence[str], given: str) -> Order:
    """The command's stages, performed."""
    with by_threads(job) as start, opened(job) as night:
        order = Order(night, start)
        order.catalogue()
        order.split()
        order.carry_over()
        wanted = dict(order.chosen)
        if unknown := sorted(set(labels) - set(wanted)):
            raise ConfigError(f"--class {', '.join(unknown)}: images are asked of the classes {', '.join(wanted)}")
        order.chosen = {label: count for label, count in wanted.items() if not labels or label in labels}
        if missing := _missing(command, night.run, order.chosen, wanted, given):
            ready = [label for label in order.chosen if not _missing(command, night.run, [label], wanted, given)]
            if not ready:
                raise StageError(missing)
            if command != "evaluate":  # which measures what there is, and can be done again
                others = f"dcgan {command} {given}{_of_classes(ready)}"
                raise StageError(f"{missing}\nTo {command} without waiting for that: {others}")
            display.say(f"Not every class gets a verdict: {missing}")
        if command == "release":
            order.failures = dict.fromkeys(set(wanted) - set(order.chosen), LEFT_OUT)
        order.command(command)
        return order


def _newest(run: Run, label: str) -> GenerationRecord | TrainingRecord | None:
    """The record that a class's newest stage has left."""
    training = run.training(label) / "record.json"
    return summary.generation_of(run, label) or records.read_if_there(training, TrainingRecord)


def _missing(command: str, run: Run, labels: Iterable[str], wanted: Collection[str], given: str) -> str:
    """The first command before `command` that some of `labels` lack, and how to give it; "" when none does."""
    for before, (done, is_done) in DONE.items():
        if before == command or command not in {*DONE, "release"}:
            break
        if lacking := [label for label in labels if not is_done(run, label)]:
            every = len(lacking) == len(wanted)
            what = "no class was" if every else _named(lacking)
            classes = "" if every or before == "evaluate" else _of_classes(lacking)  # one evaluation is of all classes
            return f"{what} {done} yet: dcgan {before} {given}{classes}"
    return ""


def _named(labels: Sequence[str]) -> str:
    return f"class {labels[0]} was not" if len(labels) == 1 else f"classes {', '.join(labels)} were not"


def _of_classes(labels: Iterable[str]) -> str:
    return "".join(f" --class {shlex.quote(label)}" for label in labels)


def _is_evaluated(run: Run, label: str) -> bool:
    """Whether the newest evaluation had images of this class, or need not have: a class that is short takes no part."""
    if summary.is_short(run, label):
        return True
    evaluation = records.read_if_there(run.evaluation_record, EvaluationRecord)
    evidence = evaluation.classes.get(label) if evaluation else None
    return evidence is not None and evidence.verdict is not Verdict.NONE


DONE: dict[str, tuple[str, Callable[[Run, str], bool]]] = {
    "train": ("trained", lambda run, label: run.model(label).exists()),
    "generate": ("generated", lambda run, label: bool(summary.accepted(run, [label]))),
    "evaluate": ("evaluated", _is_evaluated),
}
"""The commands that others wait for, in their order: what to call it, and whether it was done to a class."""
