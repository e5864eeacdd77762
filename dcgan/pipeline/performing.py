"""Performing portions of stages on this machine: in this process, or in worker processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from dcgan.config import ResolvedJob
from dcgan.execution import interruption
from dcgan.execution.pool import Work, workers
from dcgan.execution.progress import reports
from dcgan.pipeline.order import Start
from dcgan.pipeline.pieces import stands
from dcgan.pipeline.stages import ALL, Portion, Stage
from dcgan.run.paths import Run

WORKER = "dcgan.pipeline.worker"

log = logging.getLogger(__name__)


def perform(stage: Stage, run: Run, job: ResolvedJob, portion: Portion = ALL) -> Any:
    """Perform a portion of a stage, unless a worker's results exist already.

    Returns:
        The result of the stage's function; None if a worker performs it, which leaves its record in the run's folder.

    Raises:
        DcganError: the stage's.
        Interrupted: the run was stopped.
    """
    interruption.raise_if_requested(stage.title)
    given = None
    if not stage.worker:
        given = stage.load()(run, job, **portion.arguments)
    elif stands(stage, run, portion):
        return None
    else:
        workers().perform(_work(stage, run, job, portion), reports.send)
    for line in stage.messages(run, portion):
        log.info(line)
    return given


def _work(stage: Stage, run: Run, job: ResolvedJob, portion: Portion) -> Work:
    threads = job.run.threads * (job.run.processes if stage.all_threads else 1)
    return Work(
        run=str(run.root),
        stage=stage.name,
        title=stage.title,
        function=stage.function,
        arguments=dict(portion.arguments),
        log=str(run.log(stage.name, *portion.subjects[0])),
        label=portion.label,
        threads=threads,
        per_gpu=job.run.per_gpu,
        worker=WORKER,
    )


@contextmanager
def by_threads(job: ResolvedJob) -> Iterator[Start]:
    """For the time of the block, perform portions of stages in as many threads as `run.processes` says."""

    def start(stage: Stage, run: Run, job: ResolvedJob, portion: Portion, *, here: bool = False) -> Future[Any]:
        del here  # everything is performed here
        return pool.submit(perform, stage, run, job, portion)

    with ThreadPoolExecutor(job.run.processes) as pool:
        yield start
