"""Where a release's real images are: what it records of that is believed only where its own job wrote it."""

from __future__ import annotations

from dcgan.config import ResolvedJob
from dcgan.errors import ReleaseError, StorageError
from dcgan.files import storage
from dcgan.release.contents import Contents
from dcgan.run import history, runs


def recorded_source(release: Contents, job: ResolvedJob) -> str:
    """The source that a release records, a path or a URL.

    The maker of a release chose what it records. Opening that could read this machine's files, or send requests to
    other machines in its name.

    Args:
        release: whose it is.
        config: of its job.

    Raises:
        ReleaseError: the release does not lie in the outputs of the job that it records.
    """
    if not _lies_in_own_outputs(release, job):
        raise ReleaseError(
            f"{release.path} is not in the outputs of its own job, so the source of real images that it names is "
            f"not opened: {job.data.source!r}. If you know where the real images are, pass them as `real=` "
            "(`source=` of `release.real`): a folder or URL that you trust."
        )
    return job.data.source


def _lies_in_own_outputs(release: Contents, job: ResolvedJob) -> bool:
    """Whether its folder is where its job puts it, and that job has its run, or had it."""
    places = runs.job_paths(job)
    run = places.run(release.record.run_id)
    try:
        if release.path != places.releases.resolve() / run.id:
            return False
        if run.config.exists():
            began, ended = storage.read_json(run.config), release.record.config
            return bool({**began, "run": None} == {**ended, "run": None})  # it may go on with other threads
        return any(night.run_id == run.id for night in history.read(places))
    except (StorageError, OSError, ValueError, TypeError):
        return False
