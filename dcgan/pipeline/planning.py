"""From the source to the plan: which images there are, which are held out, and how many to make of each class."""

from __future__ import annotations

from dcgan.config import ResolvedJob
from dcgan.curation import filters
from dcgan.curation.parts import MAX_TRIES
from dcgan.data import leakage, unlabelled
from dcgan.data.catalogue import build_catalogue
from dcgan.data.split import make_split
from dcgan.errors import ConfigError
from dcgan.execution.progress import reports
from dcgan.files import storage
from dcgan.run.paths import Run
from dcgan.run.plan import estimate_bytes, make_plan
from dcgan.run.proof import require_without_leaked
from dcgan.run.records import CatalogueRecord, ClassPlan
from dcgan.training import given


def require(job: ResolvedJob) -> None:
    """Check that everything the job names exists, as far as its config cannot know.

    Raises:
        ConfigError: it does not, and the message lists what exists; or no class could get all of its images.
    """
    filters.require(job.curation.filters)
    if job.curation.critic_share * MAX_TRIES < 1:
        raise ConfigError(
            f"curation.critic_share is {job.curation.critic_share:g}, and at most {MAX_TRIES} candidates are tried for "
            f"each image: no class could get all of its images. Set at least {1 / MAX_TRIES:g}"
        )


def catalogue(run: Run, job: ResolvedJob, *, rehash: bool = False) -> CatalogueRecord:
    """Open every file that has changed since the job's last run, and leave out what is not an image.

    Args:
        run: to write to.
        job: resolved.
        rehash: open every file.

    Raises:
        ConfigError: the job names something that does not exist.
        InputError: the source as a whole cannot be used.
    """
    require(job)
    return build_catalogue(run, job, reports.send, rehash=rehash)


def split(run: Run, job: ResolvedJob) -> dict[str, ClassPlan]:
    """Hold out real images that no GAN sees, and plan how many images to make of each class.

    Images without labels that are near one with a label are left out.

    Raises:
        ConfigError, InputError: the job cannot be carried out with these images.
        StorageError: there is not enough room on the disk.
    """
    record = make_split(run, job)
    plan = make_plan(job, record)
    storage.require_room(run.root, estimate_bytes(plan, record.image_shape, job.training.width))
    leaks = leakage.audit(run).classes
    unlabelled.store(run, job)
    given.take_in(run, job)
    require_without_leaked(job, plan, {label: len(found.holdout_rows) for label, found in leaks.items()})
    return plan
