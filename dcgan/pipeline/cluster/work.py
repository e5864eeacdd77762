"""Performing a stage of a run on whatever machine it was sent to."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from dcgan.config import LOCAL, ResolvedJob
from dcgan.errors import Interrupted, StageError, StorageError
from dcgan.execution.pool import workers
from dcgan.files import urls
from dcgan.pipeline.cluster.coordinator import CoordinatorFile, store_of
from dcgan.pipeline.cluster.store import Store
from dcgan.pipeline.cluster.watching import every
from dcgan.pipeline.performing import perform
from dcgan.pipeline.pieces import is_whole, named
from dcgan.pipeline.stages import Portion, Stage
from dcgan.run import runs
from dcgan.run.paths import Run
from dcgan.training import snapshots

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # between checks for a new snapshot
ASK_SECONDS = 3.0  # between checks in the store whether the run continues


def perform_anywhere(stage: Stage, run: Run, job: ResolvedJob, portion: Portion) -> Any:
    """Perform a portion of a stage on this machine, whichever it is.

    Args:
        stage: of the run.
        run: as the coordinator has it.
        job: resolved.
        portion: of the stage.

    Raises:
        DcganError: the stage's.
        StorageError: the store cannot be reached.
        StageError: this machine has other versions than the coordinator.
        Interrupted: the run was stopped, or has another coordinator now.
    """
    if job.run.on == LOCAL or not stage.worker:
        return perform(stage, run, job, portion)
    file = CoordinatorFile(job)
    mine = _coordinator(file, job)
    store = store_of(run, job)
    if store is None:
        with _ending_with(file, mine, run):
            return perform(stage, run, job, portion)
    writes = named(stage.writes, portion)
    with _scratch(run) as here:
        store.fetch_all(here, named(stage.reads, portion) + writes)
        saving = _saving(store, here, writes[0]) if stage.resumed else contextlib.nullcontext()
        try:
            with _ending_with(file, mine, here), saving:
                return perform(stage, here, job, portion)
        finally:
            if _is_wanted(file, mine):
                for piece in writes:
                    store.push(here, piece, whole=is_whole(here, piece))


def _is_at_work(file: CoordinatorFile, mine: str) -> bool:
    """Whether a coordinator still coordinates the run; also if the store does not answer."""
    with contextlib.suppress(StorageError):
        now = file.read()
        return now is not None and now.id == mine
    return True


def _is_wanted(file: CoordinatorFile, mine: str) -> bool:
    """Whether to push what a task of a coordinator has made: not once another one has taken over, whose tasks push."""
    with contextlib.suppress(StorageError):
        now = file.read()
        return now is None or mine in (now.id, now.was)
    return True


def _coordinator(file: CoordinatorFile, job: ResolvedJob) -> str:
    """The id of the coordinator, after checking that this machine has the same versions."""
    coordinator = file.read()
    if coordinator is None:
        raise StorageError(
            f"{platform.node()} finds no coordinator.json in {file.folder}, where the machine that began the run has "
            "put it. Expected outputs.root to be a URL, or a folder that all machines share."
        )
    if coordinator.id is None:
        raise Interrupted("the run was stopped before this task started; run the same command again to resume")
    mine = runs.provenance(job).versions
    if odd := [name for name, version in mine.items() if coordinator.versions.get(name) != version]:
        differences = ", ".join(f"{name} {mine[name]}, not {coordinator.versions.get(name)}" for name in odd)
        raise StageError(
            f"{platform.node()} has {differences} as {coordinator.host}, which began the run, so that the bytes would "
            "depend on where a class is trained. Install the same versions on all machines."
        )
    return coordinator.id


@contextmanager
def _scratch(run: Run) -> Iterator[Run]:
    """A folder for this piece of work alone. Leftovers of killed processes of this machine are removed."""
    top = urls.scratch_folder()
    top.mkdir(parents=True, exist_ok=True)
    host = platform.node()  # the folder may be on a disk that machines share
    for folder in top.glob(f"{host}--*"):
        if not psutil.pid_exists(int(folder.name.split("--")[-2])):
            shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{host}--{os.getpid()}--", dir=top) as folder_name:
        here = Run(Path(folder_name, "runs", run.id))
        here.root.mkdir(parents=True)
        yield here


def _ending_with(file: CoordinatorFile, mine: str, here: Run) -> contextlib.AbstractContextManager[None]:
    """End the run's workers on this machine if its coordinator changes, or is gone."""
    workers().allow(str(here.root))

    def ask() -> bool:
        if _is_at_work(file, mine):
            return True
        workers().end(str(here.root))
        return False

    return every(ASK_SECONDS, ask)


def _saving(store: Store, here: Run, piece: str) -> contextlib.AbstractContextManager[None]:
    """Push a training whenever it has a new snapshot, so that another machine can resume it."""
    saved = snapshots.newest_file(here.root / piece)

    def save() -> bool:
        nonlocal saved
        newest = snapshots.newest_file(here.root / piece)
        if newest != saved:
            try:
                store.push(here, piece, whole=False)
                saved = newest
            except FileNotFoundError:  # a file was replaced while it was packed: try again next time
                pass
            except StorageError as error:  # work continues; only resuming from here is lost
                log.warning("a snapshot could not be shared: %s", error)
        return True

    return every(LOOK_SECONDS, save)
