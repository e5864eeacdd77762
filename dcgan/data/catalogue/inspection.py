"""Opening every input once, and deciding what is used."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from dcgan.config import SIDE_MAX, SIDE_MIN, DataConfig, ResolvedJob
from dcgan.data.catalogue import readers
from dcgan.data.catalogue.cache import FACTS, STATE, Cache, states
from dcgan.data.catalogue.opening import ACCEPTED, DAMAGED, NOTHING, QUARANTINED, Facts
from dcgan.data.catalogue.sources import Entry, Source, list_source
from dcgan.errors import InputError
from dcgan.execution.progress import OnProgress, no_report
from dcgan.files import storage
from dcgan.files.names import MAX_NAME_BYTES, escape
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import CatalogueRecord, ClassFiles, QuarantinedFile

UNUSED = "unused"  # a verdict, beside those of `opening`

NAME_TOO_LONG = "class name too long"
DUPLICATE = "duplicate of another file"
TWO_LABELS = "same image under several labels"
ODD_SIZE = "size far from the others'"

SIZE_TOLERANCE = 1.25  # a side may be so many times the usual one, or its inverse, to be resized without being asked
MAX_ODD_SHARE = 0.05  # of the images may be of another size and are left out; more means that sizes differ widely
MAX_EXAMPLES = 50  # quarantined files named in the record
PROGRESS_FILES = 200  # between two reports

COLUMNS = [
    "path", "label", "split", "height", "width", "mode", "grey", "sha256", "image_sha256", "perceptual_hash",
    "verdict", "reason", "detail",
]  # fmt: skip
TYPES = {"height": int, "width": int, "grey": bool} | dict.fromkeys(set(FACTS) - {"height", "width", "grey"}, str)
CRASHED: Facts = {**NOTHING, "reason": DAMAGED, "detail": "the process that opened it crashed"}


NO_CACHE = Cache()


def build_catalogue(run: Run, job: ResolvedJob, on_progress: OnProgress, *, rehash: bool = False) -> CatalogueRecord:
    """Scan the job's source and leave table and record in the run; when they are there, give the record.

    Args:
        run: where to.
        job: resolved.
        on_progress: told now and then.
        rehash: open every file, also those that have not changed since the job's last run.
    """
    if not run.catalogue.exists():
        table, record = scan(job.data, on_progress, Cache(run.job.scan_cache, rehash))
        with storage.whole_folder(run.catalogue) as temporary:
            table.to_parquet(temporary / run.catalogue_table.name, index=False)
            records.write(temporary / run.catalogue_record.name, record)
    return records.read(run.catalogue_record, CatalogueRecord)


def scan(
    data: DataConfig, on_progress: OnProgress = no_report, cache: Cache = NO_CACHE
) -> tuple[pd.DataFrame, CatalogueRecord]:
    """Open and fully decode every file of a source, but those that the cache knows.

    Args:
        data: resolved.
        on_progress: told now and then.
        cache: what earlier scans of this source found.

    Returns:
        The table, a row per file: path, label, split, height, width, mode, grey, sha256 (of the file), image_sha256
        (of its pixels), perceptual_hash, verdict ("accepted", "quarantined" or "unused"), reason, detail. And the
        record.

    Raises:
        InputError: the source is missing, unreadable or empty, has one class only, or images of widely different sizes.
        Interrupted: the run was stopped.
    """
    source = list_source(data.source, on_progress, anew=cache.rehash)
    named = pd.DataFrame({name: [getattr(entry, name) for entry in source.entries] for name in COLUMNS[:3]}, dtype=str)
    table = named.join(_inspect_all(source, cache, on_progress))[COLUMNS]

    _leave_out_unused_splits(table, data.holdout)
    _quarantine_duplicates(table, data.holdout)
    image_size = _settle_size(table, data)
    accepted = table[table["verdict"] == ACCEPTED]
    if accepted["label"].nunique() < 2:
        raise InputError(_too_few_classes(data.source, table, source.labels))
    quarantined = table[table["verdict"] == QUARANTINED]
    files, usable = Counter(table["label"]), Counter(accepted["label"])
    record = CatalogueRecord(
        num_files=len(table),
        classes={label: ClassFiles(files=files[label], accepted=usable[label]) for label in source.labels},
        reasons=_counts(quarantined["reason"]),
        examples=[
            QuarantinedFile(path=path, reason=f"{reason}{': ' if detail else ''}{detail}")
            for path, reason, detail in quarantined[["path", "reason", "detail"]].head(MAX_EXAMPLES).to_numpy()
        ],
        unused=_counts(table.loc[table["verdict"] == UNUSED, "split"]),
        image_size=image_size,
        channels=(1 if accepted["grey"].all() else 3) if data.channels == "auto" else data.channels,
    )
    return table, record


def _inspect_all(source: Source, cache: Cache, on_progress: OnProgress) -> pd.DataFrame:
    """The columns `FACTS` of all entries, numbered as they are."""
    problems = {number: _problem(entry) for number, entry in enumerate(source.entries)}
    facts: dict[int, Any] = {number: {**NOTHING, **problem} for number, problem in problems.items() if problem}
    to_ask = [number for number, problem in problems.items() if not problem]
    present, began_ns = states(source, to_ask)
    known = present.merge(cache.load(source), how="left", on=STATE)
    known.index = pd.Index(to_ask)
    to_open = known.index[known["verdict"].isna()].to_list()

    total = len(source.entries)
    done = total - len(to_open)
    num_bytes = int(known.loc[to_open, "size"].sum())
    for number, found in readers.answers("inspect", [(source.item(number), []) for number in to_open], num_bytes):
        facts[to_open[number]] = found or CRASHED
        done += 1
        if done % PROGRESS_FILES == 0:
            on_progress({"stage": "catalogue", "done": done, "total": total, "unit": "files"})
    on_progress({"stage": "catalogue", "done": total, "total": total, "unit": "files"})

    opened = pd.DataFrame(facts.values(), index=pd.Index(facts), columns=FACTS, dtype=object)
    table = pd.concat([known.drop(index=to_open)[FACTS].astype(object), opened]).sort_index().astype(TYPES)
    cache.save(source, present.set_index(known.index).join(table), began_ns)
    return table


def _problem(entry: Entry) -> dict[str, str]:
    """Why an entry is not opened at all: reason and detail."""
    if not entry.problem and len(escape(entry.label).encode()) > MAX_NAME_BYTES:
        return {"reason": NAME_TOO_LONG, "detail": f"over {MAX_NAME_BYTES} bytes as a file name"}
    return {"reason": entry.problem} if entry.problem else {}


def _leave_out_unused_splits(table: pd.DataFrame, holdout: float | str) -> None:
    """A source's own test and validation images are never trained on, unless the job names one of them to hold out."""
    named = table["split"] != ""
    if isinstance(holdout, str) and holdout not in set(table["split"]):
        splits = sorted(set(table.loc[named, "split"]))
        told = f"it has {', '.join(splits)}" if splits else "it has no splits; give a share, such as 0.2"
        raise InputError(f"data.holdout names the split {holdout!r}, which the source does not have: {told}")
    unused = named & ~table["split"].isin(["train", holdout])
    table.loc[unused & (table["verdict"] == ACCEPTED), ["verdict", "reason"]] = UNUSED, "split not used by this job"


def _quarantine_duplicates(table: pd.DataFrame, holdout: float | str) -> None:
    """Keep one of each picture. One that is held out stays held out: its copy for training goes."""
    accepted = table[table["verdict"] == ACCEPTED]
    labels_of = accepted.groupby("image_sha256")["label"].transform("nunique")
    conflicting = accepted.index[labels_of > 1]
    table.loc[conflicting, ["verdict", "reason"]] = QUARANTINED, TWO_LABELS
    ordered = (
        accepted.drop(conflicting).assign(trained=accepted["split"] != holdout).sort_values("trained", kind="stable")
    )
    first = ordered.groupby("image_sha256")["path"].transform("first")
    copies = ordered.index[ordered.duplicated("image_sha256")]  # not by path: a table may list one file twice
    table.loc[copies, ["verdict", "reason"]] = QUARANTINED, DUPLICATE
    table.loc[copies, "detail"] = "of " + first[copies]


def _settle_size(table: pd.DataFrame, data: DataConfig) -> tuple[int, int]:
    """Height and width of all images; without `image_size` the commonest, and images far from it are left out."""
    if data.image_size is not None:
        return data.image_size
    accepted = table[table["verdict"] == ACCEPTED]
    if accepted.empty:
        return SIDE_MIN, SIDE_MIN
    heights, widths = accepted["height"].to_numpy(), accepted["width"].to_numpy()
    (height, width), _ = Counter(zip(heights.tolist(), widths.tolist(), strict=True)).most_common(1)[0]
    ratios = np.stack([heights / height, widths / width])
    odd = ((ratios > SIZE_TOLERANCE) | (ratios < 1 / SIZE_TOLERANCE)).any(0)
    if odd.mean() > MAX_ODD_SHARE:
        smallest, largest = (
            f"{heights[row]} x {widths[row]} px ({accepted['path'].iloc[row]})"
            for row in (int((heights * widths).argmin()), int((heights * widths).argmax()))
        )
        raise InputError(
            f"image sizes differ widely: {smallest} to {largest}, and {odd.mean():.0%} are far from the commonest, "
            f"{height} x {width}. Set data.image_size: [height, width]; images are then resized."
        )
    if min(height, width) < SIDE_MIN or max(height, width) > SIDE_MAX:
        raise InputError(
            f"images are {height} x {width} px; the networks take sides of {SIDE_MIN} to {SIDE_MAX} px. "
            "Set data.image_size: [height, width]; images are then resized."
        )
    left_out = table.index.isin(accepted.index[np.flatnonzero(odd)])
    table.loc[left_out, ["verdict", "reason"]] = QUARANTINED, ODD_SIZE
    table.loc[left_out, "detail"] = f"others are {height} x {width} px; set data.image_size to keep it"
    return height, width


def _too_few_classes(source: str, table: pd.DataFrame, labels: list[str]) -> str:
    usable = sorted(set(table.loc[table["verdict"] == ACCEPTED, "label"]))
    found = f"usable images of one class only, {usable[0]!r}" if usable else "no usable image"
    quarantined = table[table["verdict"] == QUARANTINED]
    reasons = ", ".join(f"{count} {reason}" for reason, count in _counts(quarantined["reason"]).items())
    return (
        f"data.source {source}: found {found}, in {len(table):,} files and {len(labels)} classes"
        f"{f' (left out: {reasons})' if reasons else ''}. Expected two classes or more, as a folder per class: what "
        "the images are worth is measured by a classifier that tells classes apart."
    )


def _counts(values: pd.Series[str]) -> dict[str, int]:
    """How often each value stands there, the commonest first."""
    return {str(value): int(count) for value, count in values.value_counts().items()}
