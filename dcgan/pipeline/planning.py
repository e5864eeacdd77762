"""From the source to the plan: what there is, what is held out, and what will be made of each class."""

from __future__ import annotations

from dcgan.config import ResolvedJob
from dcgan.curation import filters
from dcgan.data import leakage
from dcgan.data.catalogue import build_catalogue
from dcgan.data.split import make_split
from dcgan.execution.progress import reports
from dcgan.files import storage
from dcgan.run.paths import Run
from dcgan.run.plan import estimate_bytes, make_plan
from dcgan.run.records import CatalogueRecord, ClassPlan


def require(job: ResolvedJob) -> None:
    """See that there is what a job names of things that are registered above its config.

    Raises:
        ConfigError: naming what there is.
    """
    filters.require(job.curation.filters)


def catalogue(run: Run, job: ResolvedJob, *, rehash: bool = False) -> CatalogueRecord:
    """Open every file that has changed since the job's last run, and leave out what is no image.

    Args:
        run: where to.
        job: resolved.
        rehash: open every file.

    Raises:
        ConfigError: the job names something that there is not.
        InputError: the source, as a whole, cannot serve the job.
    """
    require(job)
    return build_catalogue(run, job, reports.send, rehash=rehash)


def split(run: Run, job: ResolvedJob) -> dict[str, ClassPlan]:
    """Hold out real images that no GAN sees, and plan what to make of each class.

    Raises:
        ConfigError, InputError: nothing can be made of it.
        StorageError: the disk has no room for it.
    """
    record = make_split(run, job)
    plan = make_plan(job, record)
    storage.require_room(run.root, estimate_bytes(plan, record.image_shape, job.training.width))
    leakage.audit(run)
    return plan
