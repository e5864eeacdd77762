"""What all trainings of a run have in common: the judges, and what the networks compute in."""

from __future__ import annotations

from dcgan.config import ResolvedJob
from dcgan.data.split import image_shape
from dcgan.execution.progress import OnProgress
from dcgan.networks.classifier import train_judge
from dcgan.run.paths import Run
from dcgan.training.precision import choose_precision


def prepare(run: Run, job: ResolvedJob, on_progress: OnProgress) -> None:
    """Train the judges of single images, and choose the networks' precision while the machine is free of other work."""
    train_judge(run, job, on_progress)
    choose_precision(run, job.training, image_shape(run))
