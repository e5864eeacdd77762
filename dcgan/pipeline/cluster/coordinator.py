"""The coordinator, the machine on which a run was started: what it sends to the others, and what it gets back."""

from __future__ import annotations

import contextlib
import functools
import platform
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from pydantic import Field

from dcgan.config import LOCAL, ResolvedJob
from dcgan.errors import StorageError
from dcgan.execution import interruption
from dcgan.files import storage, urls
from dcgan.pipeline.cluster.store import Store
from dcgan.pipeline.cluster.watching import every
from dcgan.pipeline.pieces import is_whole, named, stands, whole_ones
from dcgan.pipeline.stages import Portion, Stage
from dcgan.run import records, runs
from dcgan.run.paths import Run
from dcgan.run.records import Record, RunRecord

LOOK_SECONDS = 0.5  # between two looks at whether the run was stopped


class Coordinator(Record):
    """Who coordinates a job's run."""

    id: str | None
    """None: nobody, the run has ended or was stopped."""
    was: str = ""
    """Then, who did last: what that one's tasks have made is still wanted, and no other's."""
    host: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    """Of Python and of packages, by name."""


class CoordinatorFile:
    """`coordinator.json`: who coordinates a job's run. Tasks read it regularly, and stop when it has changed."""

    def __init__(self, job: ResolvedJob) -> None:
        """Find its place: in the job's folder in the store, or in the folder that all machines share."""
        self._job = job
        url = runs.job_url(job)
        self.folder = f"{url}/work" if url else str(runs.job_paths(job).root)
        self._system, self._root = urls.open_url(self.folder)
        self._problem = f"cannot reach {self.folder}, by which the machines of run.on {job.run.on} share the run"

    def read(self) -> Coordinator | None:
        """The coordinator; None if there has never been one.

        Raises:
            StorageError: the store cannot be reached.
        """
        try:
            return Coordinator.model_validate_json(self._system.cat_file(f"{self._root}/coordinator.json"))
        except FileNotFoundError:
            return None
        except Exception as error:  # each file system has its own kinds
            raise StorageError(f"{self._problem}: {error}") from error

    def write(self, coordinator: Coordinator) -> None:
        """Name the coordinator.

        Raises:
            StorageError: the store cannot be written to.
        """
        try:
            self._system.makedirs(self._root, exist_ok=True)
            self._system.pipe_file(f"{self._root}/coordinator.json", coordinator.model_dump_json().encode())
        except Exception as error:
            raise StorageError(f"{self._problem}: {error}") from error

    def remove_finished_runs(self) -> None:
        """Remove what is shared of runs that will not be resumed."""
        self._system.invalidate_cache()
        for entry in self._system.ls(self._root, detail=True):
            run = runs.job_paths(self._job).run(PurePosixPath(entry["name"]).name)
            record = records.read_if_there(run.record, RunRecord)
            if entry["type"] == "directory" and (record is None or record.is_finished):
                self._system.rm(entry["name"], recursive=True)


@contextmanager
def coordinating(job: ResolvedJob) -> Iterator[None]:
    """For the time of the block, coordinate the job's run if it uses other machines. Call under the job's lock.

    When the block ends, or a stop is requested, the run's tasks stop wherever they are. Nothing of finished runs stays
    in the store.

    Raises:
        StorageError: the store cannot be written to.
    """
    if job.run.on == LOCAL:
        yield
        return
    for root in runs.job_paths(job).runs.glob("*/"):
        storage.remove_unfinished(root)  # archives of a coordinator that was killed
    file, me = CoordinatorFile(job), uuid.uuid4().hex
    file.write(Coordinator(id=me, host=platform.node(), versions=runs.provenance(job).versions))

    def step_down() -> None:
        now = file.read()
        if now and now.id == me:
            file.write(Coordinator(id=None, was=me))

    def look() -> bool:
        if not interruption.is_requested():
            return True
        step_down()
        return False

    try:
        with every(LOOK_SECONDS, look):
            yield
    finally:
        with contextlib.suppress(Exception):  # how the run ended matters more; leftovers are removed next time
            step_down()
            if runs.job_url(job):
                file.remove_finished_runs()


def offer(stage: Stage, run: Run, job: ResolvedJob, portion: Portion) -> None:
    """Before a portion of a stage is performed elsewhere, push what it reads, and what exists of what it writes.

    Args:
        stage: to be performed.
        run: on this machine.
        job: resolved.
        portion: of the stage.

    Raises:
        StorageError: the store refuses.
    """
    if (store := store_of(run, job)) is None:
        return
    known = _known(store.url)
    for pattern in named(stage.reads + stage.writes, portion):
        for piece in whole_ones(run, pattern) if pattern.endswith("/*") else [pattern]:
            if piece in known:
                continue
            whole, there = is_whole(run, piece), store.record(piece)
            changes = piece.startswith("evaluation/")  # when a stage that is repeated writes it
            if there is None or (whole and (changes or not there.whole)):
                store.push(run, piece, whole=whole)
            if not changes and (whole or (there and there.whole)):
                known.add(piece)


def bring(stage: Stage, run: Run, job: ResolvedJob, portion: Portion) -> None:
    """After a portion of a stage was performed elsewhere, successfully or not, fetch what it left.

    Raises:
        StorageError: the store cannot be reached, or what it has is damaged.
    """
    store = store_of(run, job)
    if store and not stands(stage, run, portion):
        for piece in named(stage.writes, portion):
            store.fetch(run, piece)


def store_of(run: Run, job: ResolvedJob) -> Store | None:
    """The run's pieces in storage; None if its folder itself is shared."""
    url = runs.job_url(job)
    return Store(f"{url}/work/{run.id}") if url and job.run.on != LOCAL else None


@functools.cache
def _known(url: str) -> set[str]:
    """Pieces of a run that are known to be complete in the store, where they stay until the run is finished."""
    assert url
    return set()
