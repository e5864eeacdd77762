"""That a job's classes are read tonight as they were read last night.

One folder more, or a file called metadata.csv, can change what the classes are. A job that goes on by itself, night by
night, stops then, until somebody says which way is meant.
"""

from __future__ import annotations

import pandas as pd
from pydantic import ValidationError

from dcgan.config import DataConfig
from dcgan.data.catalogue.opening import ACCEPTED
from dcgan.errors import InputError, StorageError
from dcgan.files import storage
from dcgan.run import records, runs
from dcgan.run.paths import JobFolder, Run
from dcgan.run.records import CatalogueRecord

SAYS_HOW = ("source", "format", "splits", "columns", "images")  # keys of `data` that say how the source is read
MOSTLY = 0.5  # of the files under another class than before: they are read in another way


def require_same_reading(
    job: JobFolder, data: DataConfig, table: pd.DataFrame, record: CatalogueRecord, leave_out: Run | None = None
) -> None:
    """Stop a job whose source is read in another way than by its last run, by the same settings.

    Args:
        job: its places.
        data: resolved.
        table: tonight's catalogue.
        record: its record.
        leave_out: tonight's run.

    Raises:
        InputError: names both readings, and the settings that choose one.
    """
    begun = (run for run in runs.newest_first(job) if run != leave_out and run.fingerprints.exists())
    last = next(begun, None)
    if last is None:
        return
    try:
        before = records.read(last.catalogue_record, CatalogueRecord)
        was = DataConfig.model_validate(storage.read_json(last.config)["data"])
    except (StorageError, KeyError, ValidationError):  # damaged, or written by a version that is no longer read
        return
    if any(getattr(was, key) != getattr(data, key) for key in SAYS_HOW):
        return
    is_other = before.layout != record.layout
    if not before.layout:  # it was a version that did not say
        is_other = record.layout.startswith("folder") and _mostly_moved(last, table)
    if is_other:
        raise InputError(_told(last.id, before, record, data))


def _mostly_moved(last: Run, table: pd.DataFrame) -> bool:
    """Whether most files that were used are of another class now. In folders, a file that has stayed has its class."""
    columns = ["path", "label", "verdict"]
    before = pd.read_parquet(last.catalogue_table, columns=columns)
    both = before[before["verdict"] == ACCEPTED].merge(table[columns], on="path", suffixes=("_before", ""))
    return len(both) > 0 and float((both["label_before"] != both["label"]).mean()) > MOSTLY


def _told(run_id: str, before: CatalogueRecord, now: CatalogueRecord, data: DataConfig) -> str:
    ways = [
        f"{one.read_as}{' with' if one.read_as else ''} the classes {_some(list(one.classes))}" for one in (before, now)
    ]
    return (
        f"data.source {data.source} was read by run {run_id} as {ways[0]}, but would be read now as {ways[1]}. If "
        "nothing was meant to change, remove what is new there. If it was, say so in the job file: data.splits says "
        "which folders are splits (false: none), data.format which form the source has"
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8:,} more" if len(names) > 8 else "")
