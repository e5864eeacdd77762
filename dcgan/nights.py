"""What a night does again, and what it takes over from the runs before.

A stage is skipped when its output stands. So a night that differs little from the one before gives its run, before the
first network is trained, whatever still holds of the job's other runs, by hard links. The rules, in full:
docs/explanation/nights.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dcgan import fingerprint, runs, storage
from dcgan.config import JobConfig
from dcgan.curation.parts import lay_out
from dcgan.errors import StorageError
from dcgan.fingerprint import Fingerprints, Sides
from dcgan.paths import Run, escape
from dcgan.plan import ClassPlan, make_plan
from dcgan.split import TRAIN, plan_split, shape_of
from dcgan.terminal import counted
from dcgan.training import snapshots

MAX_CHANGED = 0.2  # of the images that something began with: with more, it begins anew

KEPT, MORE, FEWER, MADE, FURTHER, ANEW = (
    "unchanged", "given more images", "given fewer images", "generated again", "trained further", "trained anew",
)  # fmt: skip


@dataclass(frozen=True)
class Former:
    """An earlier run of the job, whatever became of it."""

    run: Run
    prints: Fingerprints
    lineage: Mapping[str, np.ndarray]
    """Real images, as `fingerprint.Sides` has them, by name: `seen` by any GAN that the run has of itself or of others;
    `base` and `share`, when these were made; `full/<class>`, when the class was last trained anew; `now/<class>`."""

    @property
    def finished(self) -> bool:
        """Whether it came to an end, a good one or a bad one."""
        return bool(storage.read_json(self.run.record)["state"] != "running")


@dataclass(frozen=True)
class Change:
    """What becomes of one class."""

    kind: str
    """KEPT, MORE, FEWER, MADE, FURTHER or ANEW."""
    former: Former | None = None
    """Where its images, its model or its start come from; None: from nowhere."""
    name: str = ""
    """The class's name there."""
    told: str = ""
    """Why, for people; may be empty."""
    num_wanted: int = 0
    """Images asked for."""


@dataclass(frozen=True)
class Changes:
    """What a night does again, and what it takes over."""

    prints: Fingerprints
    classes: dict[str, Change]
    """Of the classes that images are asked of."""
    judge: Former | None
    base: Former | None
    share: Former | None
    evaluation: Former | None
    lineage: dict[str, np.ndarray]
    """See `Former`."""
    told: list[str]
    """For people, a line each; none on a job's first night."""


def fingerprints(
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
    images = fingerprint.real_images(table, config.data.holdout)
    return fingerprint.take(config, images, shape_of(split), plan), images, plan


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
        ConfigError, InputError: nothing can be made of it, see `fingerprints`.
    """
    prints, images, plan = fingerprints(config, table, record)
    held_out = np.concatenate([sides["holdout"] for sides in images.values()])
    pool = np.unique(np.concatenate([sides["train"] for sides in images.values()]))
    before = [] if fresh else _formers(config, leave_out)
    formers = [former for former in before if not np.isin(held_out, former.lineage["seen"]).any()]
    told = []
    if before and not formers:
        count = counted(int(np.isin(held_out, before[0].lineage["seen"]).sum()), "image")
        told.append(f"All is trained anew: {count} held out now have been trained on, and would be no evidence")

    # Classes first: which of them begin anew decides whether a base serves.
    renamed = _renamed(prints, formers)
    classes = {
        label: _change(label, entry["requested"], prints, images[label]["train"], formers, renamed.get(label, label))
        for label, entry in plan.items()
        if entry["requested"]
    }
    begin = {label for label, change in classes.items() if change.kind == ANEW}
    judges = (one for one in formers if _stands(one, prints, "judge", one.run.judge / "record.json"))
    bases = (one for one in formers if _base_serves(one, prints, begin, pool))
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
        told += [_told_classes(classes), *_told_names(formers[0], prints, lineage, renamed)]
    return Changes(prints, classes, next(judges, None), base, share, evaluation, lineage, told)


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
            was = f"was {name}" if name != label else _difference(former.lineage[f"now/{escape(name)}"], now)
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


def _base_serves(former: Former, prints: Fingerprints, begin: set[str], pool: np.ndarray) -> bool:
    """Whether the classes `begin` can begin with a run's shared base."""
    record = former.run.base / "record.json"
    return (
        _stands(former, prints, "recipe", record)
        and begin <= set(storage.read_json(record)["labels"])
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


def _told_classes(classes: Mapping[str, Change]) -> str:
    """The classes in one line: `3 classes unchanged, 1 trained further: cat (12 images more)`."""
    parts: list[str] = []
    for kind in (KEPT, MORE, FEWER, MADE, FURTHER, ANEW):
        some = {label: change.told for label, change in classes.items() if change.kind == kind}
        if some:
            count = f"{len(some):,}" if parts else counted(len(some), "class")
            names = ", ".join(f"{label} ({told})" for label, told in some.items())
            parts.append(f"{count} {kind}" + (f": {names}" if kind != KEPT else ""))
    return ", ".join(parts)


def _told_names(
    former: Former, prints: Fingerprints, lineage: Mapping[str, np.ndarray], renamed: Mapping[str, str]
) -> list[str]:
    """What has become of labels since a run: other names, classes gone, and images that have another label now."""
    told = [f"Class {name} is called {label} now" for label, name in renamed.items()]
    gone = sorted(set(former.prints["classes"]) - set(prints["classes"]) - set(renamed.values()))
    told += [f"Class {name} is gone" for name in gone]
    for name in former.prints["classes"]:
        before = former.lineage[f"now/{escape(name)}"]
        for label in prints["classes"]:
            moved = np.intersect1d(before, lineage[f"now/{escape(label)}"])
            if label != name and len(moved) and renamed.get(label) != name:
                told.append(f"{counted(len(moved), 'training image')} of class {name} now of class {label}")
    return told


def _difference(before: np.ndarray, now: np.ndarray) -> str:
    """How many images were added and taken away: `12 images more, 1 fewer`."""
    counts = {"more": len(np.setdiff1d(now, before)), "fewer": len(np.setdiff1d(before, now))}
    told = [f"{counted(count, 'image')} {word}" for word, count in counts.items() if count]
    return ", ".join(told) or "its training did not end before"
