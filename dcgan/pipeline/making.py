"""Training and generation of a class, one after the other in one process."""

from __future__ import annotations

from dcgan.config import ResolvedJob
from dcgan.curation.collect import collect
from dcgan.execution.progress import OnProgress
from dcgan.pipeline.stages import GENERATE, TRAIN, Stage
from dcgan.run.paths import Run
from dcgan.training.stage import train_class


def make(
    run: Run, job: ResolvedJob, label: str, num_wanted: int, max_seconds: float | None, on_progress: OnProgress
) -> None:
    """Train a class and make its images.

    Args:
        run: with its judge and, where classes begin with it, the shared base.
        job: resolved.
        label: class name.
        num_wanted: images of the class.
        max_seconds: of `process.seconds`, until the class is trained; None: no limit.
        on_progress: called for both, under their own titles.
    """

    def of(stage: Stage) -> OnProgress:
        return lambda progress: on_progress(progress | {"stage": stage.title})

    train_class(run, job, label, max_seconds, of(TRAIN))
    collect(run, job, label, num_wanted, of(GENERATE))
