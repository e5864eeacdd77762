"""What the speed of a job's work depends on, as far as the job and the machine say it."""

from __future__ import annotations

from dcgan.config import ResolvedJob
from dcgan.run import runs
from dcgan.run.records import Conditions


def conditions(job: ResolvedJob, image_shape: tuple[int, int, int]) -> Conditions:
    """The conditions under which a job's rates hold.

    Args:
        job: resolved.
        image_shape: (H, W, C).
    """
    machine, training = runs.provenance(job), job.training
    return Conditions(
        processor=machine.processor,
        gpus=machine.gpus,
        threads=job.run.threads,
        processes=job.run.processes,
        image_shape=image_shape,
        width=training.width,
        latent_dim=training.latent_dim,
        batch_size=training.batch_size,
        precision=training.precision,
        classifier=job.gate.classifier,
    )
