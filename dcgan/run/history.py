"""A job night by night: one line per finished run in `history.jsonl`, which outlives the runs and the releases."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field, NonNegativeInt, ValidationError

from dcgan.errors import StorageError
from dcgan.files import storage
from dcgan.run import records, runs, sentences
from dcgan.run.paths import JobFolder, Run
from dcgan.run.records import Ending, Record, RunRecord, RunSummary, Verdict

log = logging.getLogger(__name__)


def _in_utc(value: object) -> object:
    """ISO 8601 text as a time in UTC; text without a zone is in UTC."""
    if not isinstance(value, str):
        return value
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_in_utc)]
Share = Annotated[float, Field(ge=0, le=1)]


class Night(Record):
    """One finished run."""

    run_id: str
    started: Moment
    finished: Moment
    ending: Ending | None = None
    """How it ended; None: an earlier version wrote the line."""
    state: str
    """The same for people, in one line."""
    released: NonNegativeInt = 0
    """Synthetic images in its release."""
    verdicts: dict[str, Verdict] = Field(default_factory=dict)
    """By class; none when the run ended before there were any."""
    accuracy_without: Share | None = None
    """Mean balanced accuracy of classifiers of real images, on held-out real images; None: not measured."""
    accuracy_with: Share | None = None
    """The same with the synthetic images."""

    @property
    def seconds(self) -> float:
        """From start to end, with what lay between an interruption and the resuming."""
        return max(0.0, (self.finished - self.started).total_seconds())  # the clock may have been put back

    @property
    def counts(self) -> Counter[Verdict]:
        """Classes by verdict."""
        return Counter(self.verdicts.values())


def night_of(summary: RunSummary) -> Night:
    """The history's record of a run that came to a summary."""
    return _night(summary.run_id, summary.started, summary.finished, summary.ending, summary.state, summary)


def finish_run(run: Run, summary: RunSummary) -> None:
    """Record how a run ended, in the job's history and in the run's folder; it will not be resumed.

    Args:
        run: the run.
        summary: its own or, where nothing has changed, of the release that stands.

    Raises:
        StorageError: the system refuses to write.
    """
    _finish(run, summary.ending, summary.state, summary)


def fail_run(run: Run, error: Exception) -> None:
    """Record that an error ended a run before it came to a summary; it will not be resumed.

    Raises:
        StorageError: the system refuses to write.
    """
    _finish(run, Ending.FAILED, sentences.failure(error))


def _finish(run: Run, ending: Ending, state: str, summary: RunSummary | None = None) -> None:
    """The history comes first: a run that is killed in between is resumed, ends again, and its last line counts."""
    record, finished = records.read(run.record, RunRecord), runs.now()
    append(run.job, _night(run.id, record.started, finished, ending, state, summary))
    records.write(run.record, record.model_copy(update={"finished": finished, "ending": ending, "state": state}))


def _night(run_id: str, started: str, finished: str, ending: Ending, state: str, summary: RunSummary | None) -> Night:
    accuracy = summary.accuracy if summary else None
    without, with_them = (None, None) if accuracy is None else (round(share, 4) for share in accuracy)
    return Night.model_validate(
        {
            "run_id": run_id,
            "started": started,
            "finished": finished,
            "ending": ending,
            "state": state,
            "released": summary.released if summary else 0,
            "verdicts": {label: outcome.verdict for label, outcome in summary.classes.items()} if summary else {},
            "accuracy_without": without,
            "accuracy_with": with_them,
        }
    )


def append(job: JobFolder, night: Night) -> None:
    """Add a line to the job's history, durably. Call under the job's lock.

    Raises:
        StorageError: the system refuses; a half-written line stays apart from the next one.
    """
    try:
        job.root.mkdir(parents=True, exist_ok=True)
        with job.history.open("a+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            whole = file.read(1) in (b"", b"\n")
            file.write((b"" if whole else b"\n") + night.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        storage.sync_folder(job.root)
    except OSError as error:
        raise StorageError(f"cannot write {job.history}: {error.strerror or error}") from error


def read(job: JobFolder) -> list[Night]:
    """The job's finished runs in the order in which they ended; a run that was recorded twice counts as it ended last.

    The order is that of the lines. A clock can be wrong, and one night dated 2030 would be the last for years.

    A damaged line is left out, with a warning.

    Raises:
        StorageError: there is a history, and the system refuses to read it.
    """
    try:
        lines = job.history.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"cannot read {job.history}: {error.strerror or error}") from error
    nights: dict[str, Night] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            night = Night.model_validate_json(line)
        except ValidationError:
            log.warning("%s, line %d is damaged and left out", job.history, number)
            continue
        nights[night.run_id] = night
    return list(nights.values())


def over_keep(job: JobFolder, releases: Collection[str], keep: int) -> list[str]:
    """The releases that `outputs.keep` does not keep, beside the one that is `latest` now, oldest first.

    Args:
        job: whose history says in which order the releases were made; one that it does not know is older than all.
        releases: run ids of all releases but `latest`.
        keep: releases kept, `latest` among them.
    """
    try:
        place = {night.run_id: number for number, night in enumerate(read(job))}
    except StorageError as error:
        log.warning("no release is removed this time, since their order is unknown: %s", error)
        return []
    oldest_first = sorted(releases, key=lambda name: (place.get(name, -1), name))
    return oldest_first[: -keep + 1 or None]
