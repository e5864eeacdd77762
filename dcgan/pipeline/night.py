"""One run of a job, from the moment it is opened to its line in the history, whichever way it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dcgan.config import ResolvedJob
from dcgan.errors import ConfigError, InputError
from dcgan.files import locks
from dcgan.pipeline.cluster.coordinator import coordinating
from dcgan.release import remote
from dcgan.run import history, runs
from dcgan.run.paths import Run
from dcgan.run.records import Ending, RunResult

log = logging.getLogger(__name__)


@dataclass
class Night:
    """A run that is under way."""

    run: Run
    job: ResolvedJob
    planned: bool = False
    """Whether the job and its images have proved fit to run."""
    result: RunResult | None = None
    """What came of a run that has come to its end; None: it is resumed another time."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock seconds of each stage so far."""
    _last: float = field(default_factory=time.monotonic)

    def lap(self, stage: str) -> None:
        """The stage that ends now took all the time since the one before."""
        now = time.monotonic()
        self.seconds[stage] = round(now - self._last, 1)
        self._last = now


@contextmanager
def opened(job: ResolvedJob, *, fresh: bool = False) -> Iterator[Night]:
    """Open the job's interrupted run, or a new one, for the time of the block, under the job's lock.

    A block that sets the night's `result` ends the run: the history gets its line, and runs over `outputs.keep` go. An
    error that says that the job or its images cannot be used ends it too: the next run looks at them again. Any other
    error leaves it to be resumed.

    Args:
        job: resolved.
        fresh: take nothing over from earlier runs.

    Raises:
        BusyError: another process is running the job.
        StorageError: outputs cannot be written.
    """
    with locks.exclusive_lock(runs.job_paths(job).lock), coordinating(job):
        run, resumed = runs.open_run(job, fresh=fresh)
        if url := runs.job_url(job):
            remote.prepare(url, run.id)
        log.info("%s run %s of job %s", "Resuming" if resumed else "Starting", run.id, job.name)
        for change in runs.changes_since_start(run, job):
            log.warning("Something differs from when the run began, so its bytes may too: %s", change)
        night = Night(run, job)
        try:
            yield night
        except (ConfigError, InputError) as error:
            if not night.planned:
                history.fail_run(night.run, error)
                runs.remove_old_runs(night.run.job, job.outputs.keep)
            raise
        if night.result is not None:
            history.finish_run(night.run, night.result)
            if night.result.ending is Ending.UNCHANGED:
                runs.remove_run(night.run)
            runs.remove_old_runs(night.run.job, job.outputs.keep)
