"""Giving a run what is still valid of earlier ones, by hard links."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dcgan.config import ResolvedJob
from dcgan.curation.parts import lay_out
from dcgan.data import unlabelled
from dcgan.data.split import TRAIN
from dcgan.files import storage
from dcgan.pipeline.reuse.comparing import compare
from dcgan.pipeline.reuse.earlier import ClassReuse, Reuse
from dcgan.run import records, sentences
from dcgan.run.paths import Run
from dcgan.run.records import CatalogueRecord, Change, FingerprintsRecord, RecipeRecord, RunRecord
from dcgan.training import snapshots

log = logging.getLogger(__name__)


def take_over(run: Run, job: ResolvedJob) -> list[str]:
    """Take over what is still valid of earlier runs, so that later stages find it already done.

    Args:
        run: split.
        job: resolved.

    Returns:
        The classes that still have to be trained.
    """
    if not run.fingerprints.exists():
        table, record = pd.read_parquet(run.catalogue_table), records.read(run.catalogue_record, CatalogueRecord)
        fresh = records.read(run.record, RunRecord).fresh
        reuse = compare(job, table, record, unlabelled.codes(run), leave_out=run, fresh=fresh)
        for line in sentences.changes(reuse.changes):
            log.info(line)
        carry_over(run, reuse)
    labels = records.read(run.fingerprints, FingerprintsRecord).changes
    return [label for label in labels if not (run.training(label) / "record.json").exists()]


def carry_over(run: Run, reuse: Reuse) -> None:
    """Link what is still valid into a run, then leave the run's fingerprints. After a kill, this is repeated.

    Args:
        run: split.
        reuse: of its catalogue.
    """
    for label, of_class in reuse.classes.items():
        if of_class.change.kind is Change.FURTHER:
            _carry_start(of_class, run.start(label))
        elif of_class.earlier:
            _carry_folder(of_class.earlier.run.training(label), run.training(label), leave_out=["start"])
            if of_class.change.kind is not Change.MADE:
                _carry_images(of_class, run, label)
    if reuse.judge:
        _carry_folder(reuse.judge.run.judge, run.judge)
        storage.write_bytes(run.precision, reuse.judge.run.precision.read_bytes())
    if reuse.base:
        _carry_folder(reuse.base.run.base, run.base)
    if reuse.evaluation:
        _carry_folder(reuse.evaluation.run.evaluation, run.evaluation)
    elif reuse.recipe:
        recipe = records.read(reuse.recipe.run.recipe_record, RecipeRecord)
        chosen_in = recipe.run_id or reuse.recipe.run.id
        records.write(run.recipe_record, recipe.model_copy(update={"run_id": chosen_in}))
    storage.write_bytes(run.lineage, storage.pack_arrays(reuse.lineage))
    found = {
        "changes": {label: of_class.change.kind for label, of_class in reuse.classes.items()},
        "taken_over": tuple(name for name in ("judge", "evaluation") if getattr(reuse, name)),
    }
    records.write(run.fingerprints, reuse.fingerprints.model_copy(update=found))


def _carry_folder(source: Path, target: Path, leave_out: Sequence[str] = ()) -> None:
    if not target.exists():
        with storage.whole_folder(target) as temporary:
            storage.link_tree(source, temporary, leave_out)


def _carry_start(of_class: ClassReuse, target: Path) -> None:
    """Link a class's last snapshot, from which training continues."""
    assert of_class.earlier
    snapshot = snapshots.newest(of_class.earlier.run.training(of_class.change.name_before))
    assert snapshot
    if not target.exists():
        with storage.whole_folder(target) as temporary:
            storage.link(snapshot, temporary / snapshot.name)


def _carry_images(of_class: ClassReuse, run: Run, label: str) -> None:
    """Link a class's images and rows; if more or fewer are wanted, as the first part of its generation."""
    assert of_class.earlier
    source, target = of_class.earlier.run.generation(label), run.generation(label)
    if target.exists():
        return
    rows = pd.read_parquet(source / "rows.parquet")
    rows["nearest_real_path"] = _paths_now(of_class.earlier.run, run, label, rows["nearest_real_path"])
    with storage.whole_folder(target) as temporary:
        if of_class.change.kind is Change.KEPT:
            storage.link_tree(source, temporary, leave_out=["rows.parquet"])
            rows.to_parquet(temporary / "rows.parquet", index=False)
        else:
            lay_out(source, temporary, rows.head(of_class.change.requested))


def _paths_now(source: Run, run: Run, label: str, paths: pd.Series[str]) -> pd.Series[str]:
    """The paths of a class's training images in a run, given their paths in another."""
    tables = [pd.read_parquet(one.split_table) for one in (source, run)]
    before, now = (table[(table["label"] == label) & (table["split"] == TRAIN)] for table in tables)
    return paths.map(before.set_index("path")["image_sha256"]).map(now.set_index("image_sha256")["path"])
