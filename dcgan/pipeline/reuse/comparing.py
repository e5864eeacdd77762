"""What a run has to do again, and where the rest can be taken from, according to fingerprints and earlier results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from dcgan.config import ResolvedJob
from dcgan.data.split import plan_split
from dcgan.errors import StorageError
from dcgan.files import storage
from dcgan.files.names import escape
from dcgan.pipeline import fingerprints
from dcgan.pipeline.fingerprints import Sides
from dcgan.pipeline.reuse.earlier import ClassReuse, EarlierRun, Reuse
from dcgan.run import records, runs
from dcgan.run.paths import Run
from dcgan.run.plan import make_plan
from dcgan.run.records import (
    CatalogueRecord,
    Cause,
    Change,
    ChangesRecord,
    ClassChange,
    ClassPlan,
    FingerprintsRecord,
    GenerationRecord,
    MovedImages,
    TrainingRecord,
)
from dcgan.training import given, snapshots

MAX_CHANGED = 0.2  # of the images that something was trained on; beyond that, it is trained from the start


def fingerprints_of(
    job: ResolvedJob, table: pd.DataFrame, record: CatalogueRecord
) -> tuple[FingerprintsRecord, dict[str, Sides], dict[str, ClassPlan]]:
    """The fingerprints of a catalogue, its real images by class, and the plan.

    Args:
        job: resolved.
        table: the catalogue.
        record: the catalogue's.

    Raises:
        ConfigError, InputError: see `make_plan` and `plan_split`.
    """
    split = plan_split(job, table, record)
    plan = make_plan(job, split)
    images = fingerprints.real_images(table, job.data.holdout)
    return fingerprints.take(job, images, split.image_shape, plan), images, plan


def compare(
    job: ResolvedJob,
    table: pd.DataFrame,
    record: CatalogueRecord,
    unlabelled: np.ndarray,
    *,
    leave_out: Run | None = None,
    fresh: bool = False,
) -> Reuse:
    """What a run on this catalogue has to do again. Writes nothing.

    Args:
        job: resolved.
        table: the catalogue.
        record: the catalogue's.
        unlabelled: the images without labels, see `dcgan.data.unlabelled.codes`.
        leave_out: the run that the results are for.
        fresh: do everything again.

    Raises:
        ConfigError, InputError: see `fingerprints_of`.
    """
    tonight, images, plan = fingerprints_of(job, table, record)
    held_out = np.concatenate([sides["holdout"] for sides in images.values()])
    pool = np.unique(np.concatenate([sides["train"] for sides in images.values()]))
    of_base = np.union1d(pool, unlabelled)
    before = [] if fresh else _earlier_runs(job, leave_out)
    leaked = [int(np.isin(held_out, one.lineage["seen"]).sum()) for one in before]  # they would prove nothing
    earlier = [one for one, count in zip(before, leaked, strict=True) if not count]

    renamed = _renamed(tonight, earlier)
    classes = {
        label: _of_class(label, entry.requested, tonight, images[label]["train"], earlier, renamed.get(label, label))
        for label, entry in plan.items()
        if entry.requested
    }
    judges = (one for one in earlier if _stands(one, tonight, "judge", one.run.judge / "record.json"))
    bases = (one for one in earlier if _base_serves(one, tonight, of_base))
    recipes = (one for one in earlier if _stands(one, tonight, "recipe", one.run.recipe_record))
    verdicts = (one for one in earlier if _stands(one, tonight, "evaluation", one.run.evaluation_record))
    base = next(bases, None)
    recipe = next((one for one in recipes if _few(one.lineage["recipe"], pool)), None)
    evaluation = next((one for one in verdicts if all(_same_images(one, *item) for item in classes.items())), None)

    # What the models of this run have seen, directly or through what they started from.
    given_base = given.of_job(job)
    by_given = given_base.seen if given_base else np.empty(0, np.uint64)
    used = [base, *(of_class.earlier for of_class in classes.values())]
    chosen = evaluation or recipe
    lineage = {
        "seen": np.unique(np.concatenate([of_base, by_given, *(one.lineage["seen"] for one in used if one)])),
        "base": base.lineage["base"] if base else of_base,
        "recipe": chosen.lineage["recipe"] if chosen else pool,
        **{f"now/{escape(label)}": sides["train"] for label, sides in images.items()},
    }
    for label, of_class in classes.items():
        in_full = f"full/{escape(of_class.change.name_before)}"
        lineage[f"full/{escape(label)}"] = (
            of_class.earlier.lineage[in_full] if of_class.earlier else images[label]["train"]
        )
    changes = ChangesRecord(
        has_earlier=bool(earlier),
        leaked=leaked[0] if before and not earlier else 0,
        classes={label: of_class.change for label, of_class in classes.items()},
        renamed=renamed,
        gone=_gone(tonight, earlier, renamed),
        moved=_moved(tonight, lineage, earlier, renamed),
    )
    return Reuse(tonight, classes, next(judges, None), base, recipe, evaluation, lineage, changes)


def _earlier_runs(job: ResolvedJob, leave_out: Run | None) -> list[EarlierRun]:
    """The job's other runs that have fingerprints, newest first."""
    found = []
    for run in runs.newest_first(runs.job_paths(job)):
        if run == leave_out or not run.fingerprints.exists():
            continue
        try:
            lineage = storage.unpack_arrays(run.lineage.read_bytes())
            found.append(EarlierRun(run, records.read(run.fingerprints, FingerprintsRecord), lineage))
        except (StorageError, OSError, ValueError):  # damaged: its results are made again
            continue
    return found


def _of_class(
    label: str, requested: int, tonight: FingerprintsRecord, now: np.ndarray, earlier: Sequence[EarlierRun], name: str
) -> ClassReuse:
    """What to do for a class: the least that is needed.

    Args:
        label: the class.
        requested: images asked for.
        tonight: the fingerprints.
        now: its training images.
        earlier: newest first.
        name: its name there.
    """
    for one in earlier:
        theirs = one.fingerprints.classes.get(label)
        if theirs and theirs.training == tonight.classes[label].training and _model_stands(one.run, label):
            return ClassReuse(_with_same_model(one, label, requested, tonight), one)
    anew = ClassChange(kind=Change.ANEW, cause=Cause.NEW)
    for one in earlier:
        before = one.lineage.get(f"full/{escape(name)}")
        if before is None:
            continue
        training = one.run.training(name)
        if one.fingerprints.trainings != tonight.trainings:
            anew = ClassChange(kind=Change.ANEW, cause=Cause.JOB)
        elif not _few(before, now):
            share = _share_changed(before, now)
            anew = ClassChange(kind=Change.ANEW, cause=Cause.TOO_MANY_IMAGES, share_changed=share)
        elif (training / "record.json").exists() and snapshots.newest(training):
            last = one.lineage[f"now/{escape(name)}"]
            further = ClassChange(
                kind=Change.FURTHER,
                cause=Cause.IMAGES if name == label else Cause.RENAMED,
                name_before=name,
                added=len(np.setdiff1d(now, last)),
                removed=len(np.setdiff1d(last, now)),
            )
            return ClassReuse(further, one)
        elif one.finished:
            return ClassReuse(ClassChange(kind=Change.ANEW, cause=Cause.FAILED))
    return ClassReuse(anew)


def _with_same_model(one: EarlierRun, label: str, requested: int, tonight: FingerprintsRecord) -> ClassChange:
    """What to do for a class whose model is still valid in a run."""
    if one.fingerprints.classes[label].generation != tonight.classes[label].generation:
        return ClassChange(kind=Change.MADE, cause=Cause.CURATION, name_before=label)
    count = _standing_images(one.run, label)
    if count is None:
        return ClassChange(kind=Change.MADE, cause=Cause.DAMAGED, name_before=label)
    if count == requested:
        return ClassChange(kind=Change.KEPT, cause=Cause.SAME, name_before=label)
    return ClassChange(
        kind=Change.MORE if count < requested else Change.FEWER,
        cause=Cause.AMOUNT,
        name_before=label,
        requested=requested,
        requested_before=count,
    )


def _renamed(tonight: FingerprintsRecord, earlier: Sequence[EarlierRun]) -> dict[str, str]:
    """New classes that had another name in the newest run, with that name."""
    before = {name: of_class.images for one in earlier[:1] for name, of_class in one.fingerprints.classes.items()}
    gone = {images: name for name, images in before.items() if name not in tonight.classes}
    mine = tonight.classes.items()
    return {label: gone[one.images] for label, one in mine if label not in before and one.images in gone}


def _gone(tonight: FingerprintsRecord, earlier: Sequence[EarlierRun], renamed: Mapping[str, str]) -> list[str]:
    """Classes of the newest run that no longer exist under any name."""
    before = {name for one in earlier[:1] for name in one.fingerprints.classes}
    return sorted(before - set(tonight.classes) - set(renamed.values()))


def _moved(
    tonight: FingerprintsRecord,
    lineage: Mapping[str, np.ndarray],
    earlier: Sequence[EarlierRun],
    renamed: Mapping[str, str],
) -> list[MovedImages]:
    """Training images that had another label in the newest run."""
    if not earlier:
        return []
    before = _labelled(earlier[0].lineage, earlier[0].fingerprints, "before")
    both = before.merge(_labelled(lineage, tonight, "now"), on="image")
    counts = both[both["before"] != both["now"]].groupby(["before", "now"]).size().reset_index(name="count")
    return [
        MovedImages(images=count, before=name, now=label)
        for name, label, count in counts.itertuples(index=False, name=None)
        if renamed.get(label) != name
    ]


def _labelled(lineage: Mapping[str, np.ndarray], fingerprints_: FingerprintsRecord, column: str) -> pd.DataFrame:
    """All training images of a run and their labels."""
    images = {label: lineage[f"now/{escape(label)}"] for label in fingerprints_.classes}
    labels = np.repeat(np.array(list(images), object), [len(of_class) for of_class in images.values()])
    return pd.DataFrame({"image": np.concatenate(list(images.values())), column: labels})


def _share_changed(before: np.ndarray, now: np.ndarray) -> float:
    """Images added and removed, as a share of those before."""
    return len(np.setxor1d(before, now)) / max(1, len(before))


def _few(before: np.ndarray, now: np.ndarray) -> bool:
    return _share_changed(before, now) <= MAX_CHANGED


def _stands(
    one: EarlierRun,
    tonight: FingerprintsRecord,
    name: Literal["trainings", "judge", "recipe", "evaluation"],
    record: Path,
) -> bool:
    """Whether the result of the fingerprint `name` exists in a run and is still valid."""
    return bool(getattr(one.fingerprints, name) == getattr(tonight, name) and record.exists())


def _base_serves(one: EarlierRun, tonight: FingerprintsRecord, pool: np.ndarray) -> bool:
    """Whether classes can start from a run's shared base, given the images that a new one would learn from."""
    return (
        _stands(one, tonight, "trainings", one.run.base / "record.json")
        and _few(one.lineage["base"], pool)
        and snapshots.newest(one.run.base) is not None
    )


def _model_stands(run: Run, label: str) -> bool:
    try:
        record = records.read(run.training(label) / "record.json", TrainingRecord)
        return record.model_sha256 == storage.sha256(run.model(label))
    except (StorageError, OSError):
        return False


def _standing_images(run: Run, label: str) -> int | None:
    """How many images a class has in a run; None if any is missing or has changed."""
    folder = run.generation(label)
    try:
        count = records.read(folder / "record.json", GenerationRecord).accepted
        rows = pd.read_parquet(folder / "rows.parquet", columns=["image_id", "image_sha256"])
        whole = all(
            storage.sha256(folder / "images" / f"{name}.png") == digest
            for name, digest in rows.itertuples(index=False, name=None)
        )
    except (StorageError, OSError, ValueError):
        return None
    return count if whole and count == len(rows) else None


def _same_images(evaluation: EarlierRun, label: str, of_class: ClassReuse) -> bool:
    """Whether a class has exactly the images that were evaluated, possibly none."""
    if of_class.change.kind is Change.KEPT:
        assert of_class.earlier
        return of_class.earlier.run == evaluation.run
    return not (evaluation.run.generation(label) / "record.json").exists()
