"""Opening every input once, and deciding what is used."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pandas as pd

from dcgan.config import DataConfig
from dcgan.data.catalogue import lookalikes, readers
from dcgan.data.catalogue.cache import FACTS, STATE, Cache, states
from dcgan.data.catalogue.listing import list_source
from dcgan.data.catalogue.opening import ACCEPTED, NOTHING, QUARANTINED, Facts
from dcgan.data.catalogue.ranges import require_known_ranges
from dcgan.data.catalogue.reasons import DAMAGED, NAME_TOO_LONG
from dcgan.data.catalogue.sources import Entry, Source
from dcgan.data.catalogue.tables import TABLES
from dcgan.data.catalogue.verdicts import (
    UNUSED,
    is_unused,
    leave_out_unused_splits,
    quarantine_duplicates,
    settle_size,
)
from dcgan.errors import InputError
from dcgan.execution.progress import OnProgress, no_report
from dcgan.files.names import MAX_NAME_BYTES, escape
from dcgan.run.records import CatalogueRecord, ClassFiles, QuarantinedFile
from dcgan.text import listed

MAX_EXAMPLES = 50  # quarantined files named in the record
PROGRESS_FILES = 200  # between two reports

COLUMNS = [
    "path", "label", "split", "height", "width", "mode", "grey", "sha256", "image_sha256", "perceptual_hash",
    "verdict", "reason", "detail",
]  # fmt: skip
NUMBERS = {"height": int, "width": int, "grey": bool} | dict.fromkeys(("low", "high", "black", "white"), float)
TYPES = dict.fromkeys(FACTS, str) | NUMBERS

NO_CACHE = Cache()


def scan(
    data: DataConfig, on_progress: OnProgress = no_report, cache: Cache = NO_CACHE
) -> tuple[pd.DataFrame, CatalogueRecord]:
    """Open and fully decode every file of a source, but those that the cache knows.

    Args:
        data: resolved.
        on_progress: called now and then.
        cache: what earlier scans of this source found.

    Returns:
        The table, a row per file: path, label, split, height, width, mode, grey, sha256 (of the file), image_sha256
        (of its pixels), perceptual_hash, verdict ("accepted", "quarantined" or "unused"), reason, detail. And the
        record.

    Raises:
        InputError: the source is missing, unreadable or empty, can be read in more than one way, has one class only, or
            images of widely different sizes.
        Interrupted: the run was stopped.
    """
    source = list_source(data, on_progress, anew=cache.rehash)
    named = pd.DataFrame({name: [getattr(entry, name) for entry in source.entries] for name in COLUMNS[:3]}, dtype=str)
    facts = inspect_all(source, data, cache, on_progress)
    ranges_in_words = require_known_ranges(facts, named["path"], f"data.source {data.source}")
    table = named.join(facts)[COLUMNS]

    leave_out_unused_splits(table, data.holdout)
    shared = quarantine_duplicates(table, data.holdout)
    labels = _labels(source, table, data.holdout)
    image_size = settle_size(table, data)
    accepted = table[table["verdict"] == ACCEPTED]
    unused = table[table["verdict"] == UNUSED]
    if accepted["label"].nunique() < 2 or (len(unused) and (accepted["split"] == data.holdout).all()):
        raise InputError(_too_few_classes(data.source, table, labels, shared))
    quarantined = table[table["verdict"] == QUARANTINED]
    files, usable = Counter(table["label"]), Counter(accepted["label"])
    record = CatalogueRecord(
        num_files=len(table),
        classes={label: ClassFiles(files=files[label], accepted=usable[label]) for label in labels},
        reasons=counts(quarantined["reason"]),
        examples=examples(quarantined),
        unused=counts(unused["split"]),
        image_size=image_size,
        channels=(1 if accepted["grey"].all() else 3) if data.channels == "auto" else data.channels,
        read_as=", ".join(filter(None, (source.reading.in_words(source.entries), ranges_in_words))),
        layout=source.reading.layout,
        warnings=[*source.reading.warnings, *shared, *lookalikes.warnings({one: usable[one] for one in labels})],
    )
    return table, record


def inspect_all(source: Source, data: DataConfig, cache: Cache, on_progress: OnProgress) -> pd.DataFrame:
    """The columns `FACTS` of all entries, numbered as they are: each opened, but those that the cache knows."""
    problems = {number: _problem(entry) for number, entry in enumerate(source.entries)}
    facts: dict[int, Any] = {number: {**NOTHING, **problem} for number, problem in problems.items() if problem}
    to_ask = [number for number, problem in problems.items() if not problem]
    present, began_ns = states(source, to_ask)
    known = present.merge(cache.load(source, data), how="left", on=STATE)
    known.index = pd.Index(to_ask)
    to_open = known.index[known["verdict"].isna()].to_list()

    total = len(source.entries)
    done = total - len(to_open)
    num_bytes = int(known.loc[to_open, "size"].sum())
    tasks: list[readers.Task] = [(source.item(number), [data.range]) for number in to_open]
    for number, found in readers.answers("inspect", tasks, num_bytes):
        facts[to_open[number]] = _lost(found) if isinstance(found, readers.Lost) else found
        done += 1
        if done % PROGRESS_FILES == 0:
            on_progress({"stage": "catalogue", "done": done, "total": total, "unit": "files"})
    on_progress({"stage": "catalogue", "done": total, "total": total, "unit": "files"})

    opened = pd.DataFrame(facts.values(), index=pd.Index(facts), columns=FACTS, dtype=object)
    table = pd.concat([known.drop(index=to_open)[FACTS].astype(object), opened]).sort_index().astype(TYPES)
    cache.save(source, data, present.set_index(known.index).join(table), began_ns)
    return table


def _problem(entry: Entry) -> dict[str, str]:
    """Why an entry is not opened at all: reason and detail."""
    if not entry.problem and len(escape(entry.label).encode()) > MAX_NAME_BYTES:
        return {"reason": NAME_TOO_LONG, "detail": f"over {MAX_NAME_BYTES} bytes as a file name"}
    return {"reason": entry.problem} if entry.problem else {}


def _lost(what: readers.Lost) -> Facts:
    return {**NOTHING, "reason": DAMAGED, "detail": what.value}


def _labels(source: Source, table: pd.DataFrame, holdout: float | str) -> list[str]:
    """The classes: those that have a file, or at least a folder, in what the job uses."""
    used = set(table.loc[(table["label"] != "") & ~is_unused(table["split"], holdout), "label"])
    without_files = pd.DataFrame(sorted(source.empty), columns=["split", "label"], dtype=str)
    return sorted(used | set(without_files.loc[~is_unused(without_files["split"], holdout), "label"]))


def _too_few_classes(source: str, table: pd.DataFrame, labels: list[str], shared: list[str]) -> str:
    usable = sorted(set(table.loc[table["verdict"] == ACCEPTED, "label"]))
    found = "no usable image"
    if usable:
        found = f"usable images of one class only, {usable[0]!r}" if len(usable) == 1 else "no image to train on"
    quarantined = table[table["verdict"] == QUARANTINED]
    details = {
        reason: of_reason["detail"].value_counts().index[0] for reason, of_reason in quarantined.groupby("reason")
    }
    left_out = [
        f"{count} {reason}{f' ({details[reason]})' if details[reason] else ''}"
        for reason, count in counts(quarantined["reason"]).items()
    ]
    unused = counts(table.loc[table["verdict"] == UNUSED, "split"])
    not_used = [f"{count} of split {split}" for split, count in unused.items()]
    parts = [f"{what}: {', '.join(ones)}" for what, ones in (("left out", left_out), ("not used", not_used)) if ones]
    beside = f" ({'; '.join(parts)})" if parts else ""
    tables = sorted(path for path in table["path"] if path.endswith((*TABLES, ".npz")) and "/" not in path)
    likely = os.path.join(source, min(tables, key=lambda path: "train" not in path, default=""))
    return (
        f"data.source {source}: found {found}, in {len(table):,} files and "
        f"{len({*labels, *table['label']} - {''})} classes"
        f"{beside}. {''.join(f'{one}. ' for one in shared)}"
        f"{'Training needs images of the split train: see data.splits and data.holdout. ' if not_used else ''}"
        f"{f'To read a table ({listed(tables)}), name the file: {likely}. ' if tables else ''}"
        "At least two classes are needed, such as one folder per class: what the images are worth is measured by a "
        "classifier that tells classes apart."
    )


def examples(quarantined: pd.DataFrame) -> list[QuarantinedFile]:
    """The first of the files that are left out, each with its reason."""
    return [
        QuarantinedFile(path=path, reason=f"{reason}{': ' if detail else ''}{detail}")
        for path, reason, detail in quarantined[["path", "reason", "detail"]].head(MAX_EXAMPLES).to_numpy()
    ]


def counts(values: pd.Series[str]) -> dict[str, int]:
    """How often each value occurs, the commonest first."""
    return {str(value): int(count) for value, count in values.value_counts().items()}
