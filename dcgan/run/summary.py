"""The summary of a run: what became of every class, gathered from the records that the stages left behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dcgan.config import ResolvedJob
from dcgan.run import records, runs, sentences
from dcgan.run.paths import Run
from dcgan.run.records import (
    CatalogueRecord,
    ClassOutcome,
    ClassPlan,
    ClassState,
    Ending,
    EvaluationRecord,
    FingerprintsRecord,
    GenerationRecord,
    LeakageRecord,
    LeakageSummary,
    MeasuresRecord,
    MeasuresSummary,
    RunRecord,
    RunSummary,
    SplitRecord,
    TrainingRecord,
    Verdict,
)


def gather(
    run: Run,
    job: ResolvedJob,
    plan: Mapping[str, ClassPlan],
    failures: Mapping[str, str],
    evaluation: EvaluationRecord | None,
    seconds: Mapping[str, float],
) -> RunSummary:
    """Everything that report, card, release and terminal tell of a run.

    Args:
        run: its folder.
        job: resolved.
        plan: what was to be made of each class.
        failures: class name to why it failed.
        evaluation: the verdicts; None when nothing could be evaluated.
        seconds: per stage.

    Raises:
        StorageError: a record is damaged.
    """
    split = records.read(run.split_record, SplitRecord)
    found = _Found(
        evaluation=evaluation,
        measures=records.read_if_there(run.measures, MeasuresRecord),
        leakage=records.read_if_there(run.leakage, LeakageRecord),
        fingerprints=records.read_if_there(run.fingerprints, FingerprintsRecord),
    )
    classes = {
        label: _outcome(run, job, number, label, planned, failures.get(label), found)
        for number, (label, planned) in enumerate(plan.items())
    }
    ending = ending_of(outcome.verdict for outcome in classes.values())
    measures, leakage = found.measures, found.leakage
    return RunSummary(
        **dict(runs.provenance(job)),
        run_id=run.id,
        job=job.name,
        ending=ending,
        state=sentences.state(ending, classes),
        started=records.read(run.record, RunRecord).started,
        finished=runs.now(),
        image_size=split.image_size,
        channels=split.channels,
        seconds=dict(seconds),
        overall=evaluation.overall if evaluation else None,
        recipe=evaluation.recipe if evaluation else None,
        advice=evaluation.advice if evaluation else None,
        arms=evaluation.arms if evaluation else {},
        rare=evaluation.rare if evaluation else [],
        balanced_accuracy=evaluation.balanced_accuracy if evaluation else None,
        measures=(
            MeasuresSummary(features=measures.features, metrics=measures.metrics, overall=measures.overall)
            if measures
            else MeasuresSummary()
        ),
        leakage=LeakageSummary(pairs=leakage.pairs, examples=leakage.examples) if leakage else LeakageSummary(),
        catalogue=records.read(run.catalogue_record, CatalogueRecord),
        fingerprints=found.fingerprints,
        classes=classes,
    )


@dataclass(frozen=True)
class _Found:
    """The records of the whole run that say something about each class; None: the stage left none."""

    evaluation: EvaluationRecord | None
    measures: MeasuresRecord | None
    leakage: LeakageRecord | None
    fingerprints: FingerprintsRecord | None


def _outcome(
    run: Run, job: ResolvedJob, number: int, label: str, planned: ClassPlan, failure: str | None, found: _Found
) -> ClassOutcome:
    """What became of one class."""
    training = records.read_if_there(run.training(label) / "record.json", TrainingRecord)
    generation = generation_of(run, label)
    evidence = found.evaluation.classes.get(label) if found.evaluation else None
    verdict, reason = _verdict(job, label, planned, failure, generation, found.evaluation)
    fingerprints, leaked = found.fingerprints, found.leakage.classes.get(label) if found.leakage else None
    of_class = fingerprints.classes.get(label) if fingerprints else None
    return ClassOutcome(
        class_index=number,
        train=planned.train,
        holdout=planned.holdout,
        leaked=len(leaked.holdout_rows) if leaked else 0,
        requested=planned.requested,
        accepted=generation.accepted if generation else 0,
        tried=generation.tried if generation else 0,
        rejected=generation.rejected if generation else {},
        thresholds=generation.thresholds if generation else {},
        verdict=verdict,
        reason=reason,
        evidence=evidence,
        measures=found.measures.classes.get(label, {}) if found.measures else {},
        synthetic_share=evidence.synthetic_share if evidence else 0.0,
        steps=training.steps if training else None,
        shipped_step=training.shipped_step if training else None,
        stopped=training.stopped if training else None,
        incidents=training.incidents if training else [],
        seconds=training.seconds if training else None,
        images_per_second=training.images_per_second if training else None,
        model_sha256=training.model_sha256 if training else None,
        trained_in=training.run_id if training else None,
        change=fingerprints.changes.get(label) if fingerprints else None,
        fingerprint=of_class.generation if of_class else None,
    )


def _verdict(
    job: ResolvedJob,
    label: str,
    planned: ClassPlan,
    failure: str | None,
    generation: GenerationRecord | None,
    evaluation: EvaluationRecord | None,
) -> tuple[Verdict, str]:
    """A class's verdict, and why: the first thing that stood in its way, else what the gate says."""
    if failure is not None:
        return Verdict.FAILED, failure
    if planned.state is ClassState.REFUSED and job.generation.asks_for(label):
        return Verdict.REFUSED, planned.reason
    if not planned.requested:
        return Verdict.NONE, planned.reason or "has as many real images as wanted"
    if generation and generation.short:
        return Verdict.SHORT, sentences.shortfall(generation, planned.requested)
    assert evaluation and label in evaluation.classes, f"class {label} was generated and not evaluated"
    evidence = evaluation.classes[label]
    return evidence.verdict, sentences.evidence(evidence, evaluation.overall)


def ending_of(verdicts: Iterable[Verdict]) -> Ending:
    """How a run ends whose classes come to these verdicts."""
    found = set(verdicts)
    if Verdict.SHIPPED not in found:
        return Ending.FAILED
    return Ending.COMPLETED if found <= {Verdict.SHIPPED, Verdict.NONE} else Ending.PARTLY


def generation_of(run: Run, label: str) -> GenerationRecord | None:
    """The record of a class's generation; None: it is not generated."""
    return records.read_if_there(run.generation(label) / "record.json", GenerationRecord)


def is_short(run: Run, label: str) -> bool:
    """Whether curation accepted fewer images of a class than were asked for."""
    generation = generation_of(run, label)
    return generation is not None and generation.short


def accepted(run: Run, labels: Iterable[str]) -> dict[str, int]:
    """Images accepted so far, of those of the classes that are generated."""
    generated = {label: generation_of(run, label) for label in labels}
    return {label: generation.accepted for label, generation in generated.items() if generation}
