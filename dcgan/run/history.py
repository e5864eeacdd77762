"""A job night by night: one line per finished run in `history.jsonl`, which outlives the runs and the releases."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, ValidationError

from dcgan.errors import StorageError
from dcgan.files import storage
from dcgan.run import outcome, runs
from dcgan.run.paths import Job, Run

log = logging.getLogger(__name__)


def _in_utc(value: object) -> object:
    """ISO 8601 text as a time in UTC; text without a zone is in UTC."""
    if not isinstance(value, str):
        return value
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_in_utc)]
Share = Annotated[float, Field(ge=0, le=1)]


class Night(BaseModel):
    """One finished run. Keys that a later version adds are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    started: Moment
    finished: Moment
    state: str
    """How it ended, in one line."""
    released: NonNegativeInt = 0
    """Synthetic images in its release."""
    verdicts: dict[str, str] = {}
    """By class; none when the run ended before there were any."""
    accuracy_without: Share | None = None
    """Mean balanced accuracy of classifiers of real images, on held-out real images; None: not measured."""
    accuracy_with: Share | None = None
    """The same with the synthetic images."""

    @property
    def seconds(self) -> float:
        """From start to end, with what lay between an interruption and the resuming."""
        return (self.finished - self.started).total_seconds()

    @property
    def counts(self) -> Counter[str]:
        """Classes by verdict."""
        return Counter(self.verdicts.values())


def night_of(run_id: str, started: str, finished: str, state: str, summary: Mapping[str, Any]) -> Night:
    """The history's record of a run.

    Args:
        run_id: the run's.
        started: ISO 8601.
        finished: ISO 8601.
        state: how it ended.
        summary: see `dcgan.run.outcome`; {} when the run did not come to one.
    """
    accuracy = summary.get("balanced_accuracy") or {}
    classes = summary.get("classes") or {}
    return Night.model_validate(
        {
            "run_id": run_id,
            "started": started,
            "finished": finished,
            "state": state,
            "released": sum(outcome.released(entry) for entry in classes.values()),
            "verdicts": {label: entry["verdict"] for label, entry in classes.items()},
            "accuracy_without": _mean(accuracy.get("without")),
            "accuracy_with": _mean(accuracy.get("with")),
        }
    )


def finish_run(run: Run, state: str, summary: Mapping[str, Any] | None = None) -> None:
    """Record how a run ended, in the job's history and in the run's folder; it will not be resumed.

    The history comes first: a run that is killed between the two is resumed, ends again, and its last line counts.

    Args:
        run: the run.
        state: in one line.
        summary: see `dcgan.run.outcome`; None when the run did not come to one.

    Raises:
        StorageError: the system refuses to write.
    """
    finished = runs.now()
    record = storage.read_json(run.record)
    append(run.job, night_of(run.id, record["started"], finished, state, summary or {}))
    storage.write_json(run.record, record | {"state": state, "finished": finished})


def append(job: Job, night: Night) -> None:
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


def read(job: Job) -> list[Night]:
    """The job's finished runs, oldest first; a run that was recorded twice counts as it ended last.

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
    return sorted(nights.values(), key=lambda night: (night.started, night.run_id))


def _mean(shares: Sequence[float] | None) -> float | None:
    return round(sum(shares) / len(shares), 4) if shares else None
