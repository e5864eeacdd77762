"""One run of a job, from its opening to its line in the history, however it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dcgan.config import ResolvedJob
from dcgan.errors import ConfigError, InputError
from dcgan.execution.temporary import remove_abandoned
from dcgan.files import locks
from dcgan.pipeline import duration
from dcgan.pipeline.cluster.coordinator import coordinating
from dcgan.release import remote
from dcgan.run import history, runs
from dcgan.run.paths import Run
from dcgan.run.records import Ending, RunResult

log = logging.getLogger(__name__)


@dataclass
class Night:
    """A run in progress."""

    run: Run
    job: ResolvedJob
    planned: bool = False
    """Whether the job and its images have turned out to be usable."""
    result: RunResult | None = None
    """The outcome of a run that has ended; None if it is to be resumed."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock seconds of each stage so far."""
    _last: float = field(default_factory=time.monotonic)

    def lap(self, stage: str) -> None:
        """End a stage: it took all the time since the one before."""
        now = time.monotonic()
        self.seconds[stage] = round(now - self._last, 1)
        self._last = now


@contextmanager
def opened(job: ResolvedJob, *, fresh: bool = False) -> Iterator[Night]:
    """Open the job's interrupted run, or a new one, for the time of the block, under the job's lock.

    If the block sets the night's `result`, the run is finished: it gets its line in the history, and runs beyond
    `outputs.keep` are removed. An error which says that the job or its images cannot be used finishes it too, so that
    the next run looks at them again. After any other error the run can be resumed.

    Args:
        job: resolved.
        fresh: take nothing over from earlier runs.

    Raises:
        BusyError: another process is running the job.
        StorageError: outputs cannot be written.
    """
    remove_abandoned()  # a run that was killed at its very end starts no process, which would do so too
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
            if not resumed and night.result.ending is not Ending.UNCHANGED:  # else its time is not known whole
                duration.learn(night.run, job, night.seconds)
            if night.result.ending is Ending.UNCHANGED:
                runs.remove_run(night.run)
            runs.remove_old_runs(night.run.job, job.outputs.keep)
