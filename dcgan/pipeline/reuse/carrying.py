"""Giving a run what still holds of others, by hard links."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dcgan.config import JobConfig
from dcgan.curation.parts import lay_out
from dcgan.data.split import TRAIN
from dcgan.files import storage
from dcgan.pipeline.reuse.comparing import compare
from dcgan.pipeline.reuse.records import FURTHER, KEPT, MADE, Change, Changes
from dcgan.run.paths import Run
from dcgan.training import snapshots

log = logging.getLogger(__name__)


def take_over(run: Run, job: JobConfig) -> list[str]:
    """Take over from earlier runs what still holds, so that the stages that follow find it standing.

    Args:
        run: split.
        job: resolved.

    Returns:
        The classes that are left to train.
    """
    if not run.fingerprints.exists():
        table, record = pd.read_parquet(run.catalogue_table), storage.read_json(run.catalogue_record)
        fresh = storage.read_json(run.record).get("fresh", False)
        changes = compare(job, table, record, leave_out=run, fresh=fresh)
        for line in changes.told:
            log.info(line)
        carry_over(run, changes)
    labels = storage.read_json(run.fingerprints)["changes"]
    return [label for label in labels if not (run.training(label) / "record.json").exists()]


def carry_over(run: Run, changes: Changes) -> None:
    """Give a run what stands, by hard links, and leave its fingerprints. What a kill interrupts is done again.

    Args:
        run: split.
        changes: of its catalogue.
    """
    for label, change in changes.classes.items():
        if change.kind == FURTHER:
            _carry_start(change, run.start(label))
        elif change.former:
            _carry_folder(change.former.run.training(label), run.training(label), leave_out=["start"])
            if change.kind != MADE:
                _carry_images(change, run, label)
    if changes.judge:
        _carry_folder(changes.judge.run.judge, run.judge)
        storage.write_bytes(run.precision, changes.judge.run.precision.read_bytes())
    if changes.base:
        _carry_folder(changes.base.run.base, run.base)
    if changes.evaluation:
        _carry_folder(changes.evaluation.run.evaluation, run.evaluation)
    elif changes.share:
        chosen = storage.read_json(changes.share.run.share_record)
        storage.write_json(run.share_record, {"run_id": changes.share.run.id} | chosen)
    storage.write_bytes(run.lineage, storage.pack_arrays(changes.lineage))
    kinds = {label: change.kind for label, change in changes.classes.items()}
    storage.write_json(run.fingerprints, {**changes.prints, "changes": kinds})


def _carry_folder(source: Path, target: Path, leave_out: Sequence[str] = ()) -> None:
    if not target.exists():
        with storage.whole_folder(target) as temporary:
            storage.link_tree(source, temporary, leave_out)


def _carry_start(change: Change, target: Path) -> None:
    """A class's last snapshot, to be trained on from."""
    assert change.former
    snapshot = snapshots.newest(change.former.run.training(change.name))
    assert snapshot
    if not target.exists():
        with storage.whole_folder(target) as temporary:
            storage.link(snapshot, temporary / snapshot.name)


def _carry_images(change: Change, run: Run, label: str) -> None:
    """A class's images and rows; where there are to be more or fewer, as the first part of what is collected."""
    assert change.former
    source, target = change.former.run.generation(label), run.generation(label)
    if target.exists():
        return
    rows = pd.read_parquet(source / "rows.parquet")
    rows["nearest_real_path"] = _paths_now(change.former.run, run, label, rows["nearest_real_path"])
    with storage.whole_folder(target) as temporary:
        if change.kind == KEPT:
            storage.link_tree(source, temporary, leave_out=["rows.parquet"])
            rows.to_parquet(temporary / "rows.parquet", index=False)
        else:
            lay_out(source, temporary, rows.head(change.num_wanted))


def _paths_now(source: Run, run: Run, label: str, paths: pd.Series[str]) -> pd.Series[str]:
    """The paths that a class's training images have in a run, for those that they had in another."""
    tables = [pd.read_parquet(one.split_table) for one in (source, run)]
    before, now = (table[(table["label"] == label) & (table["split"] == TRAIN)] for table in tables)
    return paths.map(before.set_index("path")["image_sha256"]).map(now.set_index("image_sha256")["path"])
