"""Whole records to test with; each takes changes over what is usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from dcgan.config.base import USUAL_AUGMENTATION
from dcgan.run.records import (
    Advice,
    ClassEvidence,
    ClassOutcome,
    ClassSplit,
    Comparison,
    Effect,
    EvaluationRecord,
    FeatureSpaceRecord,
    GenerationRecord,
    Measure,
    MeasuresRecord,
    OverallEvidence,
    Recipe,
    RecipeRecord,
    Record,
    RunSummary,
    SplitRecord,
    TrainingRecord,
    Verdict,
)

R = TypeVar("R", bound=Record)


def changed(record: R, **changes: Any) -> R:
    """The same record but for some keys, whose values are checked."""
    return type(record).model_validate(record.model_dump() | changes)


def with_class(summary: RunSummary, label: str, **changes: Any) -> RunSummary:
    """The same summary, with another outcome of one class."""
    return changed(summary, classes=summary.classes | {label: changed(summary.classes[label], **changes)})


def split_record(train: Mapping[str, int], **changes: Any) -> SplitRecord:
    """A split of classes, by how many images train, that refuses none."""
    classes = {label: ClassSplit(train=count, holdout=0, state="ok") for label, count in train.items()}
    return SplitRecord(**{"image_size": (8, 8), "channels": 1, "classes": classes} | changes)


def training_record(**changes: Any) -> TrainingRecord:
    values = {
        "steps": 7, "shipped_step": 5, "stopped": "all steps done", "precision": "float32", "batch_size": 16,
        "num_images": 20, "seconds": 1.5, "process_seconds": 2.0, "images_per_second": 9.0, "model_sha256": "0",
        "run_id": "20260101-000000", "peak_memory_mb": 100,
    }  # fmt: skip
    return TrainingRecord.model_validate(values | changes)


def generation_record(accepted: int, **changes: Any) -> GenerationRecord:
    values = {"accepted": accepted, "short": False, "tried": accepted, "seconds": 1.0}
    return GenerationRecord.model_validate(values | changes)


def measure(value: float | None, **changes: Any) -> Measure:
    return Measure.model_validate({"value": value} | changes)


def measures_record(classes: Mapping[str, Mapping[str, Measure]], **changes: Any) -> MeasuresRecord:
    values = {
        "features": FeatureSpaceRecord(name="judge", dimensions=128), "metrics": {}, "seconds": 1.0, "overall": {},
        "synthetic": dict.fromkeys(classes, 10), "classes": classes,
    }  # fmt: skip
    return MeasuresRecord.model_validate(values | changes)


def comparison(low: float, high: float, p_value: float = 0.01) -> Comparison:
    return Comparison(gain=(low + high) / 2, gain_low=low, gain_high=high, p_value=p_value)


def class_evidence(verdict: str = "shipped", effect: str = "helps", **changes: Any) -> ClassEvidence:
    values = {
        "verdict": verdict, "effect": effect, "holdout": 30, "holdout_needed": 20, "recall_without": 0.5,
        "recall_with": 0.6, "recall": comparison(0.02, 0.18), "p_holm": 0.02, "synthetic_share": 0.25,
    }  # fmt: skip
    return ClassEvidence.model_validate(values | changes)


def overall_evidence(effect: str = "helps", low: float = 0.01, high: float = 0.03, **changes: Any) -> OverallEvidence:
    values = {"verdict": "shipped", "effect": effect, "reason": f"{effect}: balanced accuracy"}
    return OverallEvidence.model_validate(comparison(low, high).model_dump() | values | changes)


def recipe(synthetic: float = 0.5, **changes: Any) -> Recipe:
    return Recipe.model_validate({"augmentation": USUAL_AUGMENTATION, "synthetic": synthetic} | changes)


def recipe_record(synthetic: float = 0.5, **changes: Any) -> RecipeRecord:
    values = {"chosen": recipe(synthetic), "steps": 20}
    return RecipeRecord.model_validate(values | changes)


def advice(**changes: Any) -> Advice:
    values = {
        "recipe": recipe(), "measure": "recall of rare classes", "classical": 0.9, "advised": 0.92,
        "gain": comparison(0.01, 0.03), "images": comparison(0.01, 0.03),
    }  # fmt: skip
    return Advice.model_validate(values | changes)


def evaluation_record(classes: Mapping[str, ClassEvidence], **changes: Any) -> EvaluationRecord:
    values = {
        "overall": overall_evidence(), "recipe": recipe_record(), "advice": advice(), "arms": {}, "rare": [],
        "classes": classes,
        "balanced_accuracy": {"without": [0.5, 0.6], "with": [0.6, 0.7]},
    }  # fmt: skip
    return EvaluationRecord.model_validate(values | changes)


def class_outcome(verdict: Verdict | str, effect: Effect | str | None = None, **changes: Any) -> ClassOutcome:
    """A class of 40 real images, and what became of it."""
    values = {
        "class_index": 0, "train": 30, "holdout": 10, "requested": 5, "accepted": 5, "tried": 5, "verdict": verdict,
        "reason": "", "evidence": None if effect is None else class_evidence(verdict, effect),
    }  # fmt: skip
    return ClassOutcome.model_validate(values | changes)


def run_summary(**changes: Any) -> RunSummary:
    """A run that completed; of no class, unless there are `classes`."""
    values = {
        "versions": {"python": "3.12.0"}, "threads": 1, "processes": 2, "machine": "x86_64", "processor": "Some CPU",
        "instructions": "avx2 fma", "gpus": "", "seed": 0, "run_id": "20260101-000000", "job": "signs",
        "ending": "completed", "state": "Completed", "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T01:00:00+00:00", "image_size": (12, 10), "channels": 3, "classes": {},
        "catalogue": {"num_files": 0, "classes": {}, "image_size": (12, 10), "channels": 3},
    }  # fmt: skip
    return RunSummary.model_validate(values | changes)
