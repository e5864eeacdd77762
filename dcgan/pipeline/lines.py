"""The lines that are printed when a stage is done, from the records that it left."""

from __future__ import annotations

from collections.abc import Iterator

from dcgan.data import unlabelled
from dcgan.evaluation.metrics import METRICS
from dcgan.pipeline.stages import Portion
from dcgan.run import records, sentences
from dcgan.run.paths import Run
from dcgan.run.records import (
    CatalogueRecord,
    GenerationRecord,
    LeakageRecord,
    MeasuresRecord,
    RecipeRecord,
    Stopped,
    TrainingRecord,
    UnlabelledRecord,
)
from dcgan.text import counted


def of_catalogue(run: Run, _: Portion) -> Iterator[str]:
    """How many images and classes were found, and what was left out."""
    record = records.read(run.catalogue_record, CatalogueRecord)
    accepted = sum(found.accepted for found in record.classes.values())
    line = f"Catalogue: {counted(accepted, 'real image')} of {counted(len(record.classes), 'class')}"
    line += f"; {counted(sum(record.reasons.values()), 'file')} left out"
    yield line + "".join(f"; {count:,} of split {split} not used" for split, count in record.unused.items())
    yield f"Read as: {record.read_as}"
    yield from (f"Warning: {warning}" for warning in record.warnings)


def of_split(run: Run, _: Portion) -> Iterator[str]:
    """How many near duplicates were found, how many held-out images are excluded from the proof as a result, and how
    many images without labels are used.
    """
    record = records.read(run.leakage, LeakageRecord)
    for kind, count in record.pairs.items():
        if count:
            yield f"Near duplicates, {kind}: {counted(count, 'pair')}"
    if num_leaked := sum(len(leaks.holdout_rows) for leaks in record.classes.values()):
        yield f"{counted(num_leaked, 'held-out image')} near a training image: left out of the proof"
    if run.unlabelled.exists():
        beside = records.read(run.unlabelled / unlabelled.RECORD, UnlabelledRecord)
        line = f"Images without labels: {beside.used:,} used"
        yield line + (f"; {beside.near_labelled:,} near one with a label left out" if beside.near_labelled else "")


def of_base(run: Run, _: Portion) -> Iterator[str]:
    """How long the shared base was trained."""
    record = records.read(run.base / "record.json", TrainingRecord)
    yield f"Shared base of all classes: {record.steps} steps in {record.seconds:.0f} s"


def of_training(run: Run, portion: Portion) -> Iterator[str]:
    """Which step of a class's training ships, and what went wrong on the way."""
    record = records.read(run.training(portion.label) / "record.json", TrainingRecord)
    line = f"step {record.shipped_step} of {record.steps} is the best, {record.seconds:.0f} s"
    line += f", {record.stopped}" if record.stopped is Stopped.TIME_RAN_OUT else ""
    yield f"Class {portion.label} is trained: {line}"
    for incident in record.incidents:
        yield f"  {incident.kind} at step {incident.step}: {incident.detail}"


def of_generation(run: Run, portion: Portion) -> Iterator[str]:
    """How many images of a class were accepted."""
    label, record = portion.label, records.read(run.generation(portion.label) / "record.json", GenerationRecord)
    if record.short:
        yield f"Class {label} is short: {sentences.shortfall(record, portion.arguments['num_wanted'])}"
    else:
        yield f"Class {label}: {counted(record.accepted, 'image')}, of {record.tried:,} tried"


def of_making(run: Run, portion: Portion) -> Iterator[str]:
    """How a class was trained, and how many images of it were accepted."""
    yield from of_training(run, portion)
    yield from of_generation(run, portion)


def of_recipe(run: Run, _: Portion) -> Iterator[str]:
    """Which recipe was chosen."""
    record = records.read(run.recipe_record, RecipeRecord)
    behind = ", ".join(f"{sentences.recipe(one.recipe)} {100 * one.behind:.1f}" for one in record.tried)
    of_this_run = f" (points behind the best on validation images: {behind})"
    why = of_this_run if record.run_id is None else f", as in run {record.run_id}"
    yield f"Recipe: {sentences.recipe(record.chosen)}{why}"


def of_measures(run: Run, _: Portion) -> Iterator[str]:
    """The measures of the synthetic images, beside those of real images in their place."""
    overall = records.read(run.measures, MeasuresRecord).overall
    parts = [metric.in_words(overall[metric.name]) for metric in METRICS if metric.in_log and metric.name in overall]
    yield f"Synthetic images, and real ones in their place: {'; '.join(filter(None, parts))}"
