"""Commands that do the job: check it, run its flow."""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.table import Table

from dcgan.cli.stopping import until_stopped
from dcgan.config import ResolvedJob
from dcgan.errors import DcganError, StageError
from dcgan.execution.garbage import without_collection
from dcgan.files.urls import is_url
from dcgan.run import sentences
from dcgan.run.plan import estimate_bytes, make_plan
from dcgan.run.records import CatalogueRecord, ChangesRecord, ClassPlan, Ending, RunResult
from dcgan.run.runs import job_paths
from dcgan.terminal import cell, console, display, echo_json
from dcgan.text import counted

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import State

# What Prefect would say on the terminal is for its pages; and a batch job on a closed network should neither call
# home nor complain that it cannot.
PREFECT_DEFAULTS = {
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # tracebacks of errors that the last line tells in words
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",  # events that a server which has gone does not take
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


def check(
    job: ResolvedJob,
    *,
    given: str,
    as_json: bool,
    rehash: bool = False,
    fresh: bool = False,
    timing: bool = True,
) -> int:
    """Print what a run would do, and how long it would take.

    Args:
        job: resolved.
        given: job file and settings as the user gave them, to repeat in the command that runs it.
        as_json: print it for programs instead.
        rehash: open every image, also those that have not changed since the job's last run.
        fresh: as a run that takes nothing over from earlier ones.
        timing: time a few steps where no earlier run tells how long they take.
    """
    from dcgan.cli.duration import in_words, time_needed
    from dcgan.data import lineage, unlabelled
    from dcgan.data.catalogue import scan, scan_unlabelled
    from dcgan.data.catalogue.cache import Cache
    from dcgan.data.catalogue.lastnight import require_same_reading
    from dcgan.data.split import HOLDOUT, assign, plan_split
    from dcgan.pipeline import planning, reuse
    from dcgan.training.given import require_fit

    planning.require(job)
    folder = job_paths(job)
    without_labels = None
    with display.live():
        table, record = scan(job.data, display.update, Cache(folder.scan_cache, rehash, writable=False))
        if job.data.unlabelled:
            cache = Cache(folder.unlabelled_cache, rehash, writable=False)
            without_labels, found = scan_unlabelled(job.data, table, display.update, cache)
            record = record.model_copy(update={"unlabelled": found})
    require_same_reading(folder, job.data, table, record)
    display.say(f"Source      read as: {record.read_as}")
    for warning in record.warnings:
        display.say(f"Warning: {warning}")
    split = plan_split(job, table, record)
    plan = make_plan(job, split)
    assigned = assign(table, job.data.holdout)
    held_out = assigned.loc[assigned["split"] == HOLDOUT, "image_sha256"]
    require_fit(job, split.image_shape, lineage.codes(held_out))
    reused = reuse.compare(job, table, record, unlabelled.codes_of(without_labels), fresh=fresh)
    needed = time_needed(job, plan, record.image_shape, reused, timing=timing)
    num_bytes = estimate_bytes(plan, record.image_shape, job.training.width)
    if as_json:
        echo_json(
            {
                "catalogue": record.model_dump(mode="json"),
                "plan": {label: planned.model_dump(mode="json") for label, planned in plan.items()},
                "changes": {label: change.kind for label, change in reused.changes.classes.items()},
                "training": job.training.model_dump(mode="json"),
                "estimated_bytes": num_bytes,
                "estimated_seconds": needed.here.seconds if needed else None,
            }
        )
        return 0
    _show_plan(job, plan, record, reused.changes, num_bytes, in_words(job, needed))
    fetched = [key for key in ("source", "unlabelled") if is_url(getattr(job.data, key) or "")]
    copies = " and ".join(f"the local copy of data.{key}" for key in fetched)
    display.say(f"Nothing was written{f', but {copies}' if copies else ''}.")
    display.say(f"Next: dcgan run {given}")
    return 0


def _show_plan(
    job: ResolvedJob,
    plan: Mapping[str, ClassPlan],
    record: CatalogueRecord,
    changes: ChangesRecord,
    num_bytes: int,
    time: Iterable[str],
) -> None:
    """Print what a run would make, from what and at what cost, and which files it would leave out."""
    shown = Table(title=cell(f"Plan of job {job.name}"), title_justify="left")
    why = ["why"] if any(planned.reason for planned in plan.values()) else []
    for column in ["class", "real", "held out", "synthetic", *why]:
        shown.add_column(column, justify="left" if column in ("class", "why") else "right")
    for label, planned in plan.items():
        cells = [label, planned.train, planned.holdout, planned.requested, *([planned.reason] if why else [])]
        shown.add_row(*map(cell, cells))
    console().print(shown)
    training, (height, width) = job.training, record.image_size
    num_trained = sum(planned.requested > 0 for planned in plan.values())
    num_wanted = sum(planned.requested for planned in plan.values())
    base = f"up to {counted(training.base_steps, 'step')} of the shared base, then " if training.base else ""
    budget = f", {training.max_minutes:g} min at most" if training.max_minutes else ""
    display.say(f"Images      {height} x {width} px, {'grey' if record.channels == 1 else 'RGB'}")
    if record.unlabelled:
        display.say(f"            and up to {record.unlabelled.accepted:,} without labels")
    display.say(f"Training    preset {training.preset}, width {training.width}{budget}")
    display.say(f"            {base}up to {counted(training.class_steps, 'step')} for each class asked for")
    display.say(f"Generation  {counted(num_wanted, 'image')} for {num_trained} of {counted(len(plan), 'class')}")
    for heading, lines in {"Since then": sentences.changes(changes), "Time": time}.items():
        for number, line in enumerate(lines):
            display.say(f"{'' if number else heading:<12}{line}")
    display.say(f"Disk        up to {num_bytes / 1e6:,.0f} MB in {job_paths(job).root}")
    for split, count in record.unused.items():
        display.say(f"Not used: {counted(count, 'image')} of split {split}")
    for of, found in {"": record, " without labels": record.unlabelled}.items():
        if found is None:
            continue
        for reason, count in found.reasons.items():
            display.say(f"Left out: {counted(count, 'file')}{of}, {reason}")
        for example in found.examples:
            display.say(f"  {example.path}: {example.reason}")


def run(job: ResolvedJob, *, as_json: bool, rehash: bool = False, fresh: bool = False) -> int:
    """Run the nightly flow here and now, and tell how it went."""
    display.say(f"Job {job.name}: images from {job.data.source}")  # at once: to load Prefect takes a second
    with _prefect_quiet(), display.live():
        result = until_stopped(lambda: _run_flow(job, rehash, fresh))
    return tell(result, as_json=as_json)


def _run_flow(job: ResolvedJob, rehash: bool, fresh: bool) -> RunResult:
    """What came of a run of the nightly flow."""
    with without_collection():  # a quarter of the time that it takes to load Prefect
        from dcgan.flows.running import run_here

    def make() -> Flow[..., State[RunResult]]:
        with without_collection():
            from dcgan.flows.nightly import flow_for
        return flow_for(job)

    result: RunResult | BaseException = run_here(make, job, rehash, fresh)
    if isinstance(result, DcganError):
        raise result
    if isinstance(result, BaseException):
        display.say("".join(traceback.format_exception(result)))  # no error of ours: whoever mends it needs the place
        raise StageError(f"the run failed: {result!r}") from result
    return result


EXIT_STATUS = {
    Ending.COMPLETED: 0,
    Ending.UNCHANGED: 0,
    Ending.PARTLY: 3,
    Ending.FAILED: DcganError.exit_status,
}


def tell(result: RunResult, *, as_json: bool) -> int:
    """Print what came of a run; give the exit status."""
    if as_json:
        echo_json(result.model_dump(mode="json"))
    shown = Table(title=cell(f"Run {result.run_id} of job {result.job}"), title_justify="left")
    for column in ("class", "real", "synthetic", "training", "verdict", "why"):
        shown.add_column(column, justify="right" if column in ("real", "synthetic") else "left")
    for label, outcome in result.classes.items():
        training = f"step {outcome.shipped_step} of {outcome.steps}, {outcome.seconds:.0f} s" if outcome.steps else ""
        cells = (label, outcome.train, outcome.released, training, sentences.verdict(outcome), outcome.reason)
        shown.add_row(*map(cell, cells))
    console().print(shown)
    console().print(cell(result.state), style="bold", soft_wrap=True)
    if result.advice:
        display.say(sentences.advice(result.advice))
        display.say(sentences.worth(result.advice))
    display.say(f"Sample grid  {result.samples}")
    display.say(f"Report       {result.report}")
    if result.release is None:
        return EXIT_STATUS[result.ending]
    display.say(f"Release      {result.release}")
    display.say(
        "\nNext: look at the sample grid and the report; check the bytes with `dcgan verify`; train on it with\n"
        f"  release = dcgan.load_release({result.latest!r})\n"
        "  model.fit(release.dataset(batch_size=64), steps_per_epoch=100, epochs=15)\n"
        "or run examples/train_classifier.py with that path. To run a job every night: dcgan serve --help"
    )
    return EXIT_STATUS[result.ending]


@contextmanager
def _prefect_quiet() -> Iterator[None]:
    """Settings of the embedded server that the user's environment does not give."""
    given = {name: os.environ.get(name) for name in PREFECT_DEFAULTS}
    os.environ.update({name: value for name, value in PREFECT_DEFAULTS.items() if given[name] is None})
    warnings.filterwarnings("ignore", "Failed to create the Prefect home")  # the error that follows says why
    try:
        yield
    finally:
        for name, value in given.items():
            if value is None:
                del os.environ[name]
