"""Prefect tasks: `dcgan`'s stages, wrapped. Only paths and small records cross them.

Light stages are done in the flow's own process. The others go through its task runner: to a thread that watches a
process of this machine, or to a worker of a Dask cluster; see `run.on` and `dcgan.pipeline.cluster`.

No retries: a stage that fails does so for a reason that stays (a diverged training, a full disk), and a run that is
started again resumes from its journal. No cache: what is done is known from the run's folder.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from dcgan.cli import terminal
from dcgan.config import LOCAL, JobConfig
from dcgan.errors import Interrupted
from dcgan.flows import progress
from dcgan.pipeline import stages
from dcgan.pipeline.cluster.coordinator import bring, offer
from dcgan.pipeline.cluster.pieces import stands
from dcgan.pipeline.cluster.work import perform
from dcgan.run.paths import Run

terminal.display.listener = progress.publisher.publish

P = ParamSpec("P")
R = TypeVar("R")


def _of_stage(stage: Callable[P, R], name: str | None = None, run_name: str | None = None) -> Task[P, R]:
    run_name = run_name or name or stage.__name__  # Prefect's own would end in random letters
    return task(name=name, task_run_name=run_name, cache_policy=NO_CACHE, persist_result=False)(stage)


@dataclass(frozen=True)
class Started:
    """A stage that goes, or waits to, wherever `run.on` says; or stood already, and has a state at once."""

    future: PrefectFuture[Any] | State[Any]
    bring: Callable[[], None]
    """Fetches what it has left, once it has ended."""

    def result(self, *, raise_on_failure: bool = True) -> Any:
        """Its record, once it has ended, or why there is none.

        Raises:
            DcganError: the stage's.
        """
        try:
            return self.future.result(raise_on_failure=raise_on_failure)
        finally:
            self.bring()

    def why_not_begun(self) -> str | None:
        """Wait for its end; where it never began, since every worker died, tell it."""
        if isinstance(self.future, State):
            return None
        self.future.wait()
        if self.future.state.is_final():
            return None
        if self.future.state.message:
            return self.future.state.message
        try:
            self.future.result()
        except Exception as error:  # the task runner's
            return str(error)
        return None


def _perform(stage: str, run: Run, job: JobConfig, *arguments: Any) -> Any:
    """`perform`, by a name that lets a cluster's worker import this module, and so show its progress too."""
    return perform(stage, run, job, *arguments)


class Heavy:
    """A stage that goes through the flow's task runner."""

    def __init__(self, stage: Callable[..., Any], name: str | None = None, run_name: str | None = None) -> None:
        self._name = stage.__name__

        @functools.wraps(stage)
        def anywhere(run: Run, job: JobConfig, *arguments: Any) -> Any:
            return _perform(stage.__name__, run, job, *arguments)

        self._task = _of_stage(anywhere, name, run_name)

    def submit(self, run: Run, job: JobConfig, *arguments: Any) -> Started:
        """Let it begin as soon as there is a place.

        Args:
            run: where the stage is done, or what it is shared by.
            job: resolved.
            arguments: of the stage; the first says what it is about.
        """
        about = arguments[0] if arguments else ""
        if job.run.on != LOCAL and stands(self._name, run, about):  # no worker need fetch it to find that out
            return self.here(run, job, *arguments)
        offer(self._name, run, job, about)
        future: PrefectFuture[Any] = self._task.submit(run, job, *arguments, return_state=False)
        return Started(future, functools.partial(bring, self._name, run, job, about))

    def here(self, run: Run, job: JobConfig, *arguments: Any) -> Started:
        """Do it on this machine, and come back when it has ended."""
        local = job.model_copy(update={"run": job.run.model_copy(update={"on": LOCAL})})
        return Started(self._task(run, local, *arguments, return_state=True), lambda: None)

    def __call__(self, run: Run, job: JobConfig, *arguments: Any) -> Any:
        """Let it begin, and wait for its record."""
        return self.submit(run, job, *arguments).result()


catalogue = _of_stage(stages.catalogue)
unchanged = _of_stage(stages.unchanged, "compare with the last release")
split = _of_stage(stages.split)
carry_over = _of_stage(stages.carry_over, "carry over")
judge = Heavy(stages.judge)
base = Heavy(stages.base, "shared base")
train = Heavy(stages.train, run_name="train {label}")
make = Heavy(stages.make, run_name="make {label}")
make_shards = Heavy(stages.make_shards, "make shards", "make shards {some[0].label} {some[0].first}")
generate = Heavy(stages.generate, run_name="generate {label}")
try_shares = Heavy(stages.try_shares, "try shares", "try shares {classifiers[0]}")
choose_share = _of_stage(stages.choose_share, "choose share")
measure = Heavy(stages.measure, "measure utility", "measure utility {classifiers[0]}")
measures = Heavy(stages.measures)
decide = _of_stage(stages.decide, "gate")
release = _of_stage(stages.release)


def outcomes(started: Mapping[str, Started]) -> tuple[dict[str, Any], dict[str, str]]:
    """Wait for one stage per class: records of those that ended well, and why the others did not.

    Raises:
        Interrupted: a stage was stopped with its run.
    """
    records, failures = {}, {}
    for label, one in started.items():
        if reason := one.why_not_begun():
            failures[label] = reason
            continue
        result = one.result(raise_on_failure=False)
        if isinstance(result, Interrupted):
            raise result
        if isinstance(result, BaseException):
            failures[label] = str(result)
        else:
            records[label] = result
    return records, failures


def raise_first(started: Sequence[Started]) -> None:
    """Wait for stages that the run cannot do without.

    Raises:
        DcganError: the first that failed.
    """
    for one in started:
        one.result()
