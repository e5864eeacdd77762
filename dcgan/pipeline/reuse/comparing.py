"""What a run has to do again, and where the rest can be taken from: read off fingerprints and what stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dcgan.config import JobConfig
from dcgan.data.split import plan_split, shape_of
from dcgan.errors import StorageError
from dcgan.files import storage
from dcgan.files.names import escape
from dcgan.pipeline import fingerprints
from dcgan.pipeline.fingerprints import Fingerprints, Sides
from dcgan.pipeline.reuse.records import ANEW, FEWER, FURTHER, KEPT, MADE, MORE, Change, Changes, Former
from dcgan.pipeline.reuse.telling import difference, told_classes, told_names
from dcgan.run import runs
from dcgan.run.paths import Run
from dcgan.run.plan import ClassPlan, make_plan
from dcgan.text import counted
from dcgan.training import snapshots

MAX_CHANGED = 0.2  # of the images that something began with: with more, it begins anew


def fingerprints_of(
    config: JobConfig, table: pd.DataFrame, record: Mapping[str, Any]
) -> tuple[Fingerprints, dict[str, Sides], dict[str, ClassPlan]]:
    """The fingerprints of a catalogue, its real images by class, and the plan.

    Args:
        config: resolved.
        table: the catalogue.
        record: the catalogue's.

    Raises:
        ConfigError, InputError: see `make_plan` and `plan_split`.
    """
    split = plan_split(config, table, record)
    plan = make_plan(config, split)
    images = fingerprints.real_images(table, config.data.holdout)
    return fingerprints.take(config, images, shape_of(split), plan), images, plan


def compare(
    config: JobConfig,
    table: pd.DataFrame,
    record: Mapping[str, Any],
    *,
    leave_out: Run | None = None,
    fresh: bool = False,
) -> Changes:
    """What a run on this catalogue has to do again. Reads, and writes nothing.

    Args:
        config: resolved.
        table: the catalogue.
        record: the catalogue's.
        leave_out: the run that is to be given what stands.
        fresh: everything.

    Raises:
        ConfigError, InputError: nothing can be made of it, see `fingerprints_of`.
    """
    prints, images, plan = fingerprints_of(config, table, record)
    held_out = np.concatenate([sides["holdout"] for sides in images.values()])
    pool = np.unique(np.concatenate([sides["train"] for sides in images.values()]))
    before = [] if fresh else _formers(config, leave_out)
    formers = [former for former in before if not np.isin(held_out, former.lineage["seen"]).any()]
    told = []
    if before and not formers:
        count = counted(int(np.isin(held_out, before[0].lineage["seen"]).sum()), "image")
        told.append(f"All is trained anew: {count} held out now have been trained on, and would be no evidence")

    renamed = _renamed(prints, formers)
    classes = {
        label: _change(label, entry["requested"], prints, images[label]["train"], formers, renamed.get(label, label))
        for label, entry in plan.items()
        if entry["requested"]
    }
    judges = (one for one in formers if _stands(one, prints, "judge", one.run.judge / "record.json"))
    bases = (one for one in formers if _base_serves(one, prints, pool))
    shares = (one for one in formers if _stands(one, prints, "share", one.run.share_record))
    verdicts = (one for one in formers if _stands(one, prints, "evaluation", one.run.evaluation_record))
    base = next(bases, None)
    share = next((one for one in shares if _few(one.lineage["share"], pool)), None)
    evaluation = next((one for one in verdicts if all(_same_images(one, *item) for item in classes.items())), None)

    # What the models of this run have seen, themselves or through what they began with.
    used = [base, *(change.former for change in classes.values())]
    chosen = evaluation or share
    lineage = {
        "seen": np.unique(np.concatenate([pool, *(former.lineage["seen"] for former in used if former)])),
        "base": base.lineage["base"] if base else pool,
        "share": chosen.lineage["share"] if chosen else pool,
        **{f"now/{escape(label)}": sides["train"] for label, sides in images.items()},
    }
    for label, change in classes.items():
        of_former = change.former.lineage[f"full/{escape(change.name)}"] if change.former else None
        lineage[f"full/{escape(label)}"] = images[label]["train"] if of_former is None else of_former
    if formers:
        told += [told_classes(classes), *told_names(formers[0], prints, lineage, renamed)]
    return Changes(prints, classes, next(judges, None), base, share, evaluation, lineage, told)


def _formers(config: JobConfig, leave_out: Run | None) -> list[Former]:
    """The job's other runs that have come to their fingerprints, newest first."""
    found = []
    for run in runs.newest_first(runs.job_paths(config)):
        if run == leave_out or not run.fingerprints.exists():
            continue
        try:
            lineage = storage.unpack_arrays(run.lineage.read_bytes())
            found.append(Former(run, storage.read_json(run.fingerprints), lineage))
        except (StorageError, OSError, ValueError):  # damaged: what it has is made again
            continue
    return found


def _change(
    label: str, num_wanted: int, prints: Fingerprints, now: np.ndarray, formers: Sequence[Former], name: str
) -> Change:
    """What becomes of a class: the least that is needed.

    Args:
        label: the class.
        num_wanted: images asked for.
        prints: tonight's.
        now: its training images.
        formers: newest first.
        name: what it was called there.
    """
    for former in formers:
        theirs = former.prints["classes"].get(label)
        if theirs and theirs["training"] == prints["classes"][label]["training"] and _model_stands(former.run, label):
            return _same_model(former, label, num_wanted, prints)
    reason = "new"
    for former in formers:
        before = former.lineage.get(f"full/{escape(name)}")
        if before is None:
            continue
        training = former.run.training(name)
        if former.prints["recipe"] != prints["recipe"]:
            reason = "the job or dcgan-augment has changed"
        elif not _few(before, now):
            reason = f"{_share_changed(before, now):.0%} of its images have changed since it last was"
        elif (training / "record.json").exists() and snapshots.newest(training):
            was = f"was {name}" if name != label else difference(former.lineage[f"now/{escape(name)}"], now)
            return Change(FURTHER, former, name, was)
        elif former.finished:
            return Change(ANEW, told="it failed before")
    return Change(ANEW, told=reason)


def _same_model(former: Former, label: str, num_wanted: int, prints: Fingerprints) -> Change:
    """What becomes of a class whose model stands in a run."""
    if former.prints["classes"][label]["generation"] != prints["classes"][label]["generation"]:
        return Change(MADE, former, label, "curation has changed")
    count = _standing_images(former.run, label)
    if count is None:
        return Change(MADE, former, label, "its images are not as they were made, or never were")
    if count == num_wanted:
        return Change(KEPT, former, label)
    kind = MORE if count < num_wanted else FEWER
    return Change(kind, former, label, f"{num_wanted:,}, before {count:,}", num_wanted)


def _renamed(prints: Fingerprints, formers: Sequence[Former]) -> dict[str, str]:
    """New classes that were called otherwise in the newest run, and how."""
    before = {name: one["images"] for former in formers[:1] for name, one in former.prints["classes"].items()}
    gone = {images: name for name, images in before.items() if name not in prints["classes"]}
    mine = prints["classes"].items()
    return {label: gone[one["images"]] for label, one in mine if label not in before and one["images"] in gone}


def _share_changed(before: np.ndarray, now: np.ndarray) -> float:
    """Images added and taken away, as a share of those before."""
    return len(np.setxor1d(before, now)) / max(1, len(before))


def _few(before: np.ndarray, now: np.ndarray) -> bool:
    return _share_changed(before, now) <= MAX_CHANGED


def _stands(former: Former, prints: Fingerprints, name: str, record: Path) -> bool:
    """Whether what follows from the fingerprint `name` stands in a run."""
    return dict(former.prints)[name] == dict(prints)[name] and record.exists()


def _base_serves(former: Former, prints: Fingerprints, pool: np.ndarray) -> bool:
    """Whether classes can begin with a run's shared base."""
    record = former.run.base / "record.json"
    return (
        _stands(former, prints, "recipe", record)
        and _few(former.lineage["base"], pool)
        and snapshots.newest(former.run.base) is not None
    )


def _model_stands(run: Run, label: str) -> bool:
    try:
        record = storage.read_json(run.training(label) / "record.json")
        return bool(record["model_sha256"] == storage.sha256(run.model(label)))
    except (StorageError, OSError):
        return False


def _standing_images(run: Run, label: str) -> int | None:
    """How many images a class has in a run, all of them as they were made; None: not all are."""
    folder = run.generation(label)
    try:
        count = int(storage.read_json(folder / "record.json")["accepted"])
        rows = pd.read_parquet(folder / "rows.parquet", columns=["image_id", "image_sha256"])
        whole = all(
            storage.sha256(folder / "images" / f"{name}.png") == digest
            for name, digest in rows.itertuples(index=False, name=None)
        )
    except (StorageError, OSError, ValueError):
        return None
    return count if whole and count == len(rows) else None


def _same_images(evaluation: Former, label: str, change: Change) -> bool:
    """Whether a class has just the images that were evaluated, which may be none."""
    if change.kind == KEPT:
        assert change.former
        return change.former.run == evaluation.run
    return not (evaluation.run.generation(label) / "record.json").exists()
