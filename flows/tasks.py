"""Prefect tasks: one for each stage that `dcgan.pipeline.stages` declares. Only paths and small records cross them.

Stages that need no worker are performed in the flow's own process. The others go through its task runner: to a thread
that watches a process of this machine, or to a worker of a Dask cluster; see `run.on` and `dcgan.pipeline.cluster`.

No retries: a stage that fails does so for a reason that stays (a diverged training, a full disk), and a run that is
started again resumes from its journal. No cache: what is done is known from the run's folder.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from dcgan.config import LOCAL, ResolvedJob
from dcgan.errors import StageError
from dcgan.flows.progress import publishing
from dcgan.pipeline.cluster.coordinator import bring, offer
from dcgan.pipeline.cluster.work import perform_anywhere
from dcgan.pipeline.pieces import stands
from dcgan.pipeline.stages import Portion, Stage
from dcgan.run.paths import Run


def _perform(stage: Stage, run: Run, job: ResolvedJob, portion: Portion) -> Any:
    """By a name of this module, so that a cluster's worker imports it."""
    with publishing():
        return perform_anywhere(stage, run, job, portion)


@functools.cache
def task_of(stage: Stage) -> Task[[Stage, Run, ResolvedJob, Portion], Any]:
    """The task of a stage."""
    name = stage.name.replace("_", " ")

    def run_name(parameters: dict[str, Any]) -> str:  # Prefect's own would end in random letters
        return f"{name} {parameters['portion']}".strip()

    # Prefect's type of it has a class method, which no function has.
    naming: Any = run_name
    return task(name=name, task_run_name=naming, cache_policy=NO_CACHE, persist_result=False)(_perform)


@dataclass(frozen=True)
class Started:
    """A portion of a stage that is performed, or waits to be, wherever `run.on` says; or has ended already."""

    future: PrefectFuture[Any] | State[Any]
    bring: Callable[[], None]
    """Fetches what it has left, once it has ended."""

    def result(self) -> Any:
        """What the stage's function gave, once it has ended.

        Raises:
            DcganError: the stage's.
            StageError: it never began, since every worker died.
        """
        try:
            if isinstance(self.future, State):
                return self.future.result()
            self.future.wait()
            if not self.future.state.is_final() and self.future.state.message:
                raise StageError(self.future.state.message)
            return self.future.result()
        finally:
            self.bring()


def start(stage: Stage, run: Run, job: ResolvedJob, portion: Portion, *, here: bool = False) -> Started:
    """Let a portion of a stage begin as soon as there is a place for it.

    Args:
        stage: of the run.
        run: where it is performed, or what it is shared by.
        job: resolved.
        portion: of the stage.
        here: on this machine, whatever `run.on` says, before anything else.
    """
    named = task_of(stage)
    there = job.run.on != LOCAL
    # What stands need not be fetched by a worker to find that out.
    if not stage.worker or here or (there and stands(stage, run, portion)):
        local = job.model_copy(update={"run": job.run.model_copy(update={"on": LOCAL})})
        return Started(named(stage, run, local, portion, return_state=True), lambda: None)
    offer(stage, run, job, portion)
    future: PrefectFuture[Any] = named.submit(stage, run, job, portion, return_state=False)
    return Started(future, functools.partial(bring, stage, run, job, portion))
