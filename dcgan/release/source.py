"""Where a release's job found images: what it records of that is believed only where its own job wrote it."""

from __future__ import annotations

from dcgan.config import ResolvedJob
from dcgan.errors import ReleaseError, StorageError
from dcgan.files import storage
from dcgan.release.contents import Contents
from dcgan.run import history, runs


def recorded(place: str, release: Contents, job: ResolvedJob, how: str) -> str:
    """A place that a release records, a path or a URL.

    The maker of a release chose what it records. Opening that could read this machine's files, or send requests to
    other machines in its name.

    Args:
        place: such as the job's `data.source`.
        release: whose it is.
        job: that it records.
        how: to name another one, for people.

    Raises:
        ReleaseError: the release does not lie in the outputs of the job that it records.
    """
    if not _lies_in_own_outputs(release, job):
        raise ReleaseError(
            f"{release.path} is not in the outputs of its own job, so the place of images that it names is not "
            f"opened: {place!r}. If you know where they are, pass {how}: a folder or URL that you trust."
        )
    return place


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
