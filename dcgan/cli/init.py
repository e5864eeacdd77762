"""The command that looks at images and writes a job file for them."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import yaml

from dcgan.cli.duration import rates_here
from dcgan.config import SIDE_MAX, SIDE_MIN, apply_override, parse_job
from dcgan.data.catalogue import scan
from dcgan.data.catalogue.cache import Cache
from dcgan.data.catalogue.opening import ACCEPTED
from dcgan.data.catalogue.splits import Role, role
from dcgan.data.catalogue.verdicts import MAX_ODD_SHARE, UNUSED, usual_size
from dcgan.data.split import HOLDOUT, MIN_TRAIN, TRAIN, assign, plan_split
from dcgan.errors import ConfigError, InputError, StorageError
from dcgan.files.urls import is_url
from dcgan.pipeline import duration
from dcgan.run.plan import make_plan
from dcgan.run.proof import MIN_HOLDOUT, MIN_TESTED
from dcgan.run.records import CatalogueRecord, ClassPlan
from dcgan.terminal import display
from dcgan.text import counted, rough_duration

GOOD_SIDE = 64  # px, up to which a DCGAN learns in a night on a few cores
STEP = 8  # px that a proposed side is a multiple of
SHARES = (0.2, 0.25, 0.3, 0.4, 0.5)  # of each class to hold out: the first that gives every class its verdict
MANY_IMAGES = 2000  # of the largest class, from which on not every class is filled up to it
PURPOSES = {"quick": "to try things out", "standard": "a night's job", "thorough": "when quality is worth the hours"}
# Names of files that say nothing about the set that they are of.
SAYS_NOTHING = {"annotations", "data", "dataset", "index", "labels", "metadata", "test", "train", "training"}
MAX_LISTED = 20  # classes in the table of the plan


def init(source: str, out: Path, overrides: Sequence[str], *, timing: bool) -> int:
    """Write a job file for a source, after it has been tried.

    Args:
        source: local path or URL.
        out: the file to write, which must not exist.
        overrides: `key=value`, as for `load_job`; they are written too.
        timing: time a few steps, to say how long each preset would take.

    Raises:
        ConfigError: the file exists, or would stand among the images.
        InputError: the images cannot serve a job, or can be read in more than one way.
        StorageError: the file cannot be written.
    """
    target = out.resolve()
    _require_free(source, target)
    values: dict[str, Any] = {"name": _name(source), "data": {"source": _relative(source, target.parent)}}
    for override in overrides:
        apply_override(values, override)
    try:
        with tempfile.TemporaryDirectory() as memory, display.live():
            comments, plan, shape = _settle(values, target.parent, Cache(Path(memory, "inputs.cache")))
    except InputError as error:
        raise InputError(f"{error}\nSay it with: dcgan init {source} --set KEY=VALUE") from error
    comments["preset"] = _presets(values, target.parent, plan, shape, timing=timing)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(_text(values, comments))
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror or error}") from error
    display.say(f"Wrote {out}. It says what was found; change what is not as you want it")
    display.say(f"Next: dcgan check {out}")
    return 0


def _require_free(source: str, target: Path) -> None:
    if target.exists():
        raise ConfigError(f"{target} exists already, and is not overwritten. Name another file: --out FILE")
    if not is_url(source) and Path(source).is_dir() and target.is_relative_to(Path(source).resolve()):
        raise ConfigError(
            f"{target} would stand among the images in {source}, where nothing is written. Name a file elsewhere: "
            "--out FILE"
        )


def _name(source: str) -> str:
    """A job's name from what the source is called; a file whose name says nothing is called by its folder."""
    path = PurePosixPath(source if is_url(source) else Path(source).resolve().as_posix())
    name = path.parent.name if path.suffix and path.stem.lower() in SAYS_NOTHING else path.stem
    return re.sub(r"[^\w.\-]+|^[.\-]+", "-", name).strip("-.")[:80] or "job"


def _relative(source: str, folder: Path) -> str:
    """A source as a job file in a folder has it: relative where it is near."""
    if is_url(source):
        return source
    path = Path(source).resolve()
    near = path.is_relative_to(folder) or path.parent == folder.parent
    return os.path.relpath(path, folder) if near else str(path)


def _settle(
    values: dict[str, Any], folder: Path, cache: Cache
) -> tuple[dict[str, list[str]], dict[str, ClassPlan], tuple[int, int, int]]:
    """Settle what is not given, and see that a job can be run so.

    Args:
        values: of the job file; filled in.
        folder: of the job file.
        cache: what has been opened is not opened again.

    Returns:
        Comments by key, and under "" what goes before all; the plan; and (H, W, C) of the images.
    """
    given = parse_job(values, where="dcgan init").resolve(folder).data
    data, comments = values["data"], {}
    looked = given.model_copy(update={"image_size": given.image_size or (GOOD_SIDE, GOOD_SIDE)})  # any does for looking
    table, record = scan(looked, display.update, cache)
    comments["data"] = [f"read as: {record.read_as}"]
    if given.image_size is None:
        data["image_size"], comments["image_size"] = _size(table)
    if "channels" not in data:
        data["channels"], comments["channels"] = _channels(table, record)
    if "holdout" not in data:
        data["holdout"], comments["holdout"] = _holdout(table)
        looked = looked.model_copy(update={"holdout": data["holdout"]})
        table, record = scan(looked, display.update, cache)
    if "generation" not in values:
        values["generation"], comments["generation"] = _amounts(table, data["holdout"])
    values.setdefault("training", {}).setdefault("preset", "standard")
    if "policy" not in values.setdefault("gate", {}):
        values["gate"]["policy"] = "no_harm"
        comments["policy"] = [
            "leave out classes whose synthetic images measurably hurt recall; or proven_gain, or report"
        ]
    if "recipes" not in values["gate"]:
        values["gate"]["recipes"] = []
        comments["recipes"] = [
            "other classical augmentation to try, such as [[translation, brightness, rotation, elastic]],",
            "where an image that is turned and bent a little is still of its class",
        ]
    job = parse_job(values, where="dcgan init").resolve(folder)
    plan = make_plan(job, plan_split(job, table, record))
    comments[""] = [*_wrong(record), *_few(plan), *_plan(plan)]
    assert job.data.image_size
    channels = record.channels if job.data.channels == "auto" else job.data.channels
    return comments, plan, (*job.data.image_size, channels)


def _presets(
    values: Mapping[str, Any],
    folder: Path,
    plan: Mapping[str, ClassPlan],
    shape: tuple[int, int, int],
    *,
    timing: bool,
) -> list[str]:
    """What each preset is for, and how long it takes here where that is known."""
    jobs = [
        parse_job({**values, "training": {**values["training"], "preset": preset}}, where="dcgan init").resolve(folder)
        for preset in PURPOSES
    ]
    lines = []
    for job, rates in zip(jobs, rates_here(jobs, shape, plan, timing=timing), strict=True):
        preset = job.training.preset
        line = f"{preset}: {PURPOSES[preset]}"
        if rates:
            total = duration.estimate(job, duration.work_of(job, plan), rates).total
            line += f"; a first run takes about {rough_duration(total)} on this machine"
        lines.append(line)
    return lines


def _size(table: pd.DataFrame) -> tuple[list[int], list[str]]:
    """[height, width] in px to train at, and why."""
    readable = table[table["height"] > 0]
    found, odd = usual_size(readable)
    reason = f"nearly all images are {found[0]} x {found[1]} px"
    if odd.mean() > MAX_ODD_SHARE:
        found = int(readable["height"].median()), int(readable["width"].median())
        reason = f"images are of many sizes, {found[0]} x {found[1]} px in the middle, and are resized"
    if max(found) <= GOOD_SIDE and min(found) >= SIDE_MIN:
        return list(found), [f"[height, width] in px: {reason}"]
    scale = GOOD_SIDE / max(found)
    size = [max(SIDE_MIN, round(side * scale / STEP) * STEP) if scale < 1 else max(SIDE_MIN, side) for side in found]
    return size, [
        f"[height, width] in px: {reason}; more than {GOOD_SIDE} take a DCGAN long, and {SIDE_MAX} is the most"
    ]


def _channels(table: pd.DataFrame, record: CatalogueRecord) -> tuple[int, list[str]]:
    accepted = table[table["verdict"] == ACCEPTED]
    num_grey = int(accepted["grey"].sum())
    if record.channels == 1:
        return 1, ["1: every image is grey"]
    return 3, [f"3: {len(accepted) - num_grey:,} of {len(accepted):,} images have colours"]


def _holdout(table: pd.DataFrame) -> tuple[float | str, list[str]]:
    """What no GAN sees, and why: the set's own split, or a share that gives classes their verdict."""
    trained = set(table.loc[table["verdict"] == ACCEPTED, "label"])
    unused = table[(table["verdict"] == UNUSED) & table["label"].isin(trained)]
    for kind in (Role.TEST, Role.VALIDATION):
        for split in sorted(set(unused["split"])):
            of_split = unused[unused["split"] == split]
            if role(split) is kind and of_split["label"].nunique() >= 2:
                return split, [f"the set's own split: {len(of_split):,} images that no GAN sees"]
    reason = f"share of each class that no GAN sees; a verdict on a class needs {MIN_HOLDOUT} held-out images of it"
    return _share(table), [reason]


def _share(table: pd.DataFrame) -> float:
    """The least share that gives every class its verdict that can have one, and leaves classes enough to train on."""
    possible = []
    for share in SHARES:
        assigned = assign(table, share)
        held_out = assigned["split"].eq(HOLDOUT).groupby(assigned["label"]).sum()
        totals = assigned["label"].value_counts()[held_out.index]
        if (held_out > 0).sum() < MIN_TESTED:
            continue
        possible.append(share)
        can_have = totals >= 2 * MIN_HOLDOUT
        too_few = (totals >= 1.5 * MIN_TRAIN) & (totals - held_out < MIN_TRAIN)
        if (held_out[can_have] >= MIN_HOLDOUT).all() and not too_few.any():
            return share
    return possible[0] if possible else SHARES[-1]


def _amounts(table: pd.DataFrame, holdout: float | str) -> tuple[dict[str, float | str], list[str]]:
    """How many images of which class, and why."""
    assigned = assign(table, holdout)
    real = assigned.loc[assigned["split"] == TRAIN, "label"].value_counts()
    trainable = real[real >= MIN_TRAIN] if (real >= MIN_TRAIN).any() else real
    largest, smallest = int(trainable.max()), int(trainable.min())
    if smallest > 0.8 * largest:
        return {"ratio": 0.5}, ["every class has about as many images: half as many synthetic ones for each"]
    if largest > MANY_IMAGES:
        return {"balance": "median"}, [f"fill every class up to the one in the middle; the largest has {largest:,}"]
    return {"balance": "max"}, [f"fill every class up to the largest, which has {largest:,} to train on"]


def _wrong(record: CatalogueRecord) -> list[str]:
    """What looks wrong."""
    lines = [f"Look: {warning}." for warning in record.warnings]
    lines += [f"Left out: {counted(count, 'file')}, {reason}" for reason, count in record.reasons.items()]
    lines += [f"Not used: {counted(count, 'image')} of split {split}" for split, count in record.unused.items()]
    return lines


def _few(plan: Mapping[str, ClassPlan]) -> list[str]:
    """Classes that get no verdict."""
    few = [label for label, planned in plan.items() if planned.requested and planned.holdout < MIN_HOLDOUT]
    if not few:
        return []
    return [
        f"Fewer than {MIN_HOLDOUT} held-out images, and so no verdict: {_some(few)}. More images make one possible."
    ]


def _plan(plan: Mapping[str, ClassPlan]) -> list[str]:
    """The plan as a table."""
    shown = list(plan.items())[:MAX_LISTED]
    width = max(5, *(len(_printable(label)) for label, _ in shown))
    lines = [f"{'class':{width}}  {'real':>7}  {'held out':>8}  {'synthetic':>9}"]
    for label, planned in shown:
        counts = f"{planned.train:>7,}  {planned.holdout:>8,}  {planned.requested:>9,}"
        lines.append(f"{_printable(label):{width}}  {counts}  {planned.reason}".rstrip())
    more = len(plan) - len(shown)
    return ["", *lines, *([f"and {counted(more, 'class')} more"] if more else [])]


def _some(names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED
    return ", ".join(map(_printable, names[:MAX_LISTED])) + (f" and {more:,} more" if more > 0 else "")


def _printable(text: str) -> str:
    """Text in one line of a comment, whatever it holds."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)


def _text(values: Mapping[str, Any], comments: Mapping[str, Sequence[str]]) -> str:
    """The job file."""
    lines = _comments(["Written by dcgan init.", *comments[""]])
    for key, value in values.items():
        lines += ["", *_comments(comments.get(key, []))]
        if not isinstance(value, Mapping):
            lines.append(f"{key}: {_scalar(value)}")
            continue
        lines.append(f"{key}:")
        for name, one in value.items():
            lines += [*_comments(comments.get(name, []), "  "), f"  {name}: {_scalar(one)}"]
    return "\n".join(lines) + "\n"


def _comments(lines: Iterable[str], indent: str = "") -> list[str]:
    return [f"{indent}# {_printable(line)}".rstrip() for line in lines]


def _scalar(value: Any) -> str:
    """A value as YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")
