"""A job's nights as TensorBoard scalars: one step for each night, at the time when it ended."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from dcgan import extras
from dcgan.errors import StorageError
from dcgan.execution.determinism import load_tensorflow
from dcgan.files.names import escape
from dcgan.release.folder import Folder
from dcgan.release.record import read_record
from dcgan.run.history import Night
from dcgan.run.paths import JobFolder
from dcgan.run.records import ReleaseRecord, Verdict

EVENTS = "events.out.tfevents.*"


def write(job: JobFolder, nights: Sequence[Night], logs: Path) -> Path:
    """Write the nights, in the place of what an earlier call wrote.

    Args:
        job: of the nights.
        nights: oldest first; the first is step 1.
        logs: folder that TensorBoard is to read; the job gets one of its own in it.

    Returns:
        The job's folder in it.

    Raises:
        ConfigError: TensorBoard is not installed.
        StorageError: the folder holds something else, or cannot be written.
    """
    with extras.needed_for("dcgan history --tensorboard"):
        from tensorboard.summary import Writer
    load_tensorflow()  # where there is TensorFlow, TensorBoard writes through it
    folder = logs / job.root.name
    try:
        if folder.exists() and (others := sorted(set(folder.iterdir()) - set(folder.glob(EVENTS)))):
            raise StorageError(f"{folder} holds other files, such as {others[0].name}: name another folder")
        shutil.rmtree(folder, ignore_errors=True)  # TensorBoard would show each night once more
        folder.mkdir(parents=True)
        writer = Writer(str(folder))
        for step, night in enumerate(nights, start=1):
            for tag, value in [*_of_night(night), *_of_release(job.releases / night.run_id)]:
                writer.add_scalar(tag, value, step, wall_time=night.finished.timestamp())
        writer.close()
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror or error}") from error
    return folder


def _of_night(night: Night) -> Iterator[tuple[str, float]]:
    """Values by tag; tags with the same beginning are shown together."""
    yield "night/hours", night.seconds / 3600
    yield "night/images released", night.released
    yield "night/classes shipped", night.counts[Verdict.SHIPPED]
    if night.accuracy_without is not None:
        yield "balanced accuracy/without synthetic images", night.accuracy_without
    if night.accuracy_with is not None:
        yield "balanced accuracy/with synthetic images", night.accuracy_with


def _of_release(path: Path) -> Iterator[tuple[str, float]]:
    """What only a release says; nothing where `outputs.keep` has removed it, or the night made none."""
    record = _record(path)
    if record is None:
        return
    for label, outcome in record.classes.items():
        evidence, name = outcome.evidence, escape(label)
        if evidence and evidence.recall_without is not None and evidence.recall_with is not None:
            yield f"recall without synthetic images/{name}", evidence.recall_without
            yield f"recall with synthetic images/{name}", evidence.recall_with
    for metric, measure in record.measures.overall.items():
        if measure.value is not None:
            yield f"measures/{metric}", measure.value


def _record(path: Path) -> ReleaseRecord | None:
    try:
        return read_record(Folder(path))
    except (OSError, ValueError):  # gone, or being removed
        return None
