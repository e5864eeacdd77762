"""Images without labels, which the shared base learns from: which there are, and which of them are used."""

from __future__ import annotations

import pandas as pd

from dcgan.config import DataConfig
from dcgan.data.catalogue.cache import Cache
from dcgan.data.catalogue.inspection import COLUMNS, NO_CACHE, counts, examples, inspect_all
from dcgan.data.catalogue.listing import list_unlabelled
from dcgan.data.catalogue.opening import ACCEPTED, QUARANTINED
from dcgan.data.catalogue.ranges import require_known_ranges
from dcgan.data.catalogue.reasons import DUPLICATE
from dcgan.data.catalogue.verdicts import UNUSED
from dcgan.errors import InputError
from dcgan.execution.progress import OnProgress, no_report
from dcgan.run.records import UnlabelledFiles

MAX_IMAGES = 50_000  # that are used: in its longest training (preset `thorough`), the base draws each ten times


def scan_unlabelled(
    data: DataConfig, labelled: pd.DataFrame, on_progress: OnProgress = no_report, cache: Cache = NO_CACHE
) -> tuple[pd.DataFrame, UnlabelledFiles]:
    """Open and fully decode every file of `data.unlabelled`, but those that the cache knows.

    A picture that the source has too, in whatever split, is left out: it may be held out, or be somebody's test.

    Args:
        data: resolved, with such a folder.
        labelled: the table of the source, see `inspection.scan`.
        on_progress: called now and then.
        cache: what earlier scans found.

    Returns:
        The table, as of a source, without labels and splits; and how many there are.

    Raises:
        InputError: the folder is missing, or has no image that can be used.
        Interrupted: the run was stopped.
    """
    listed = list_unlabelled(data, on_progress, anew=cache.rehash)
    facts = inspect_all(listed, data, cache, on_progress)
    paths = pd.Series([entry.path for entry in listed.entries], name="path", dtype=str)
    require_known_ranges(facts, paths, f"data.unlabelled {data.unlabelled}")
    table = facts.join(paths)[[name for name in COLUMNS if name not in ("label", "split")]]

    _leave_out_copies(table, labelled)
    accepted = table[table["verdict"] == ACCEPTED]
    if accepted.empty:
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in counts(table["reason"]).items() if reason)
        raise InputError(
            f"data.unlabelled {data.unlabelled}: no image that can be used, in {len(table):,} files"
            f"{f'. Left out: {left_out}' if left_out else ''}"
        )
    # By their pixels, so that a folder that grows keeps most of those that are used.
    surplus = accepted.sort_values("image_sha256").index[MAX_IMAGES:]
    table.loc[surplus, ["verdict", "reason"]] = UNUSED, "more than the base can learn from"
    quarantined = table[table["verdict"] == QUARANTINED]
    return table, UnlabelledFiles(
        files=len(table),
        accepted=len(accepted) - len(surplus),
        unused=len(surplus),
        reasons=counts(quarantined["reason"]),
        examples=examples(quarantined),
    )


def _leave_out_copies(table: pd.DataFrame, labelled: pd.DataFrame) -> None:
    """Keep one of each picture, and none that the source has."""
    accepted = table[table["verdict"] == ACCEPTED]
    known = labelled[labelled["image_sha256"] != ""].drop_duplicates("image_sha256").set_index("image_sha256")["path"]
    first = accepted.drop_duplicates("image_sha256").set_index("image_sha256")["path"]
    in_source = accepted["image_sha256"].isin(known.index)
    copies = accepted[in_source | accepted.duplicated("image_sha256")]
    table.loc[copies.index, ["verdict", "reason"]] = QUARANTINED, DUPLICATE
    table.loc[copies.index, "detail"] = [
        f"of {known[digest]} in data.source" if is_known else f"of {first[digest]}"
        for digest, is_known in zip(copies["image_sha256"], in_source[copies.index], strict=True)
    ]
