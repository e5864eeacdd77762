"""What people are told when a stage is done: lines, made from the records that it has left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dcgan.files import storage
from dcgan.pipeline.stages import Portion
from dcgan.run import outcome
from dcgan.run.paths import Run
from dcgan.text import counted
from dcgan.training import policy

MEASURES_SHOWN = ("kid", "coverage", "gan_train", "authenticity")


def of_catalogue(run: Run, _: Portion) -> Iterator[str]:
    """How many images of how many classes there are, and what was left out."""
    record = storage.read_json(run.catalogue_record)
    accepted = sum(entry["accepted"] for entry in record["classes"].values())
    line = f"Catalogue: {counted(accepted, 'real image')} of {counted(len(record['classes']), 'class')}"
    line += f"; {counted(sum(record['reasons'].values()), 'file')} left out"
    yield line + "".join(f"; {count:,} of split {split} not used" for split, count in record["unused"].items())


def of_leakage(run: Run, _: Portion) -> Iterator[str]:
    """How many near duplicates there are, and how many held-out images do not count for it."""
    record = storage.read_json(run.leakage)
    for kind, count in record["pairs"].items():
        if count:
            yield f"Near duplicates, {kind}: {counted(count, 'pair')}"
    if num_leaked := sum(len(entry["holdout_rows"]) for entry in record["classes"].values()):
        yield f"{counted(num_leaked, 'held-out image')} near a training image: no evidence, and left out of it"


def of_base(run: Run, _: Portion) -> Iterator[str]:
    """How long the shared base was trained."""
    record = _record(run.base)
    yield f"Shared base of all classes: {record['steps']} steps in {record['seconds']:.0f} s"


def of_training(run: Run, portion: Portion) -> Iterator[str]:
    """Which step of a class's training is the best, and what went wrong in it."""
    record = _record(run.training(portion.label))
    line = f"step {record['shipped_step']} of {record['steps']} is the best, {record['seconds']:.0f} s"
    line += f", {record['stopped']}" if record["stopped"] == policy.TIME_RAN_OUT else ""
    yield f"Class {portion.label} is trained: {line}"
    for incident in record["incidents"]:
        yield f"  {incident['kind']} at step {incident['step']}: {incident['told']}"


def of_generation(run: Run, portion: Portion) -> Iterator[str]:
    """How many images of a class were accepted."""
    label, record = portion.label, _record(run.generation(portion.label))
    if record["short"]:
        yield f"Class {label} is short: {outcome.shortfall(record, portion.arguments['num_wanted'])}"
    else:
        yield f"Class {label}: {counted(record['accepted'], 'image')}, of {record['tried']:,} tried"


def of_making(run: Run, portion: Portion) -> Iterator[str]:
    """How a class was trained, and how many images of it were accepted."""
    yield from of_training(run, portion)
    yield from of_generation(run, portion)


def of_share(run: Run, _: Portion) -> Iterator[str]:
    """Which share of synthetic draws was chosen."""
    record = storage.read_json(run.share_record)
    why = ", ".join(f"{float(share):.0%}: {accuracy:.1%}" for share, accuracy in record["tried"].items())
    why = f", as in run {record['run_id']}" if "run_id" in record else f" (validation images: {why})"
    yield f"Share: at most {record['chosen']:.0%} of a class's draws synthetic{why}"


def of_measures(run: Run, _: Portion) -> Iterator[str]:
    """What the synthetic images come to, and real ones in their place."""
    overall = storage.read_json(run.measures)["overall"]
    parts = [_measure(name, overall[name]) for name in MEASURES_SHOWN]
    yield f"Synthetic images, and real ones in their place: {'; '.join(filter(None, parts))}"


def _measure(name: str, measured: dict[str, Any]) -> str:
    if measured["value"] is None:
        return ""
    beside = "" if measured["ceiling"] is None else f" ({measured['ceiling']:.3f})"
    return f"{name} {measured['value']:.3f}{beside}"


def _record(folder: Path) -> dict[str, Any]:
    return dict(storage.read_json(folder / "record.json"))
