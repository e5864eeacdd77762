"""What the report's page shows, gathered from a run's folder; the templates say how.

The evidence comes from folders that may be incomplete (a class failed, nothing could be evaluated): what is missing
is left out or said to be missing. Every text goes through the templates' escaping, and every id is a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2
import yaml

from dcgan.config import ResolvedJob
from dcgan.files import storage
from dcgan.report import figures, text, verdicts
from dcgan.report.gallery import ClassPictures, class_pictures
from dcgan.report.journals import read_journal
from dcgan.report.measures import leakage_view, measure_table
from dcgan.run import history
from dcgan.run.history import Night
from dcgan.run.paths import Run
from dcgan.run.records import CatalogueRecord, ClassOutcome, Effect, QuarantinedFile, RunSummary, Verdict
from dcgan.text import duration

MAX_EXAMPLES = 50  # quarantined files that are named
MAX_PICTURED = 60  # classes whose pictures are shown: a page of a thousand would not open
MAX_LISTED_NIGHTS = 30

FILTERS = {
    "points": text.points,
    "percent": text.percent,
    "figure": text.figure,
    "count": text.count,
    "moment": text.moment,
    "duration": duration,
}


@dataclass(frozen=True)
class ClassView:
    """One class as the page shows it."""

    label: str
    number: int
    """For ids of the page's elements."""
    outcome: ClassOutcome
    effect: Effect
    pictures: ClassPictures | None
    """None: there are too many classes to show those of this one."""


@dataclass(frozen=True)
class Training:
    """The figure of one training."""

    title: str
    uri: str
    last: Mapping[str, float]
    """The last row of its losses."""
    shipped_step: int | None
    has_scores: bool


@dataclass(frozen=True)
class Trend:
    """The job's nights, this one among them."""

    figure: str | None
    count: int
    nights: list[Night]
    """The newest."""


@dataclass(frozen=True)
class Audit:
    """The input files: how many, how many were left out and why, with examples."""

    num_files: int
    num_accepted: int
    num_left_out: int
    reasons: list[tuple[str, int]]
    """With their counts, the commonest first."""
    duplicates: int
    examples: list[QuarantinedFile]


def write_report(run: Run, job: ResolvedJob, summary: RunSummary, file: Path) -> None:
    """Write the report as one HTML file that needs nothing but itself.

    Args:
        run: whose images and journals are shown.
        job: resolved.
        summary: of the run.
        file: to write.

    Raises:
        StorageError: the system refuses to write.
    """
    storage.write_text(file, render(run, job, summary))


def render(run: Run, job: ResolvedJob, summary: RunSummary) -> str:
    """The report's HTML; arguments as of `write_report`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dcgan.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    outcomes = summary.classes
    classes = [
        ClassView(
            label=label,
            number=number,
            outcome=outcome,
            effect=verdicts.effect_of(outcome),
            pictures=class_pictures(run, label) if number < MAX_PICTURED else None,
        )
        for number, (label, outcome) in enumerate(outcomes.items())
    ]
    of_classes = (outcome.evidence.recall for outcome in outcomes.values() if outcome.evidence)
    return environment.get_template("report.html.j2").render(
        summary=summary,
        provenance=_provenance(summary),
        classes=classes,
        number_of={view.label: view.number for view in classes},
        verdicts=verdicts.VERDICTS,
        headline=verdicts.headline(outcomes.values(), summary.overall),
        groups=verdicts.groups(outcomes),
        num_asked=sum(outcome.verdict is not Verdict.NONE for outcome in outcomes.values()),
        arms=verdicts.arms(summary.arms),
        shares=verdicts.shares(summary.share),
        limit=verdicts.forest_limit(gain for gain in (summary.overall, *of_classes) if gain),
        num_seeds=job.gate.classifier_seeds,
        policy=job.gate.policy,
        measures=measure_table({label: outcome.measures for label, outcome in outcomes.items()}, summary.measures),
        leakage=leakage_view(summary.leakage, outcomes),
        trainings=_trainings(run, classes),
        rejections=sorted({reason for outcome in outcomes.values() for reason in outcome.rejected}),
        trend=_trend(run, summary),
        audit=_audit(summary.catalogue),
        config_text=yaml.safe_dump(job.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100),
    )


def _trainings(run: Run, classes: list[ClassView]) -> list[Training]:
    """A titled figure for the base and for each class that has a journal."""
    journals = {"": read_journal(run.base)} | {
        view.label: read_journal(run.training(view.label)) for view in classes if view.pictures
    }
    return [
        Training(
            title=label or "Shared base",
            uri=uri,
            last=journals[label].losses[-1],
            shipped_step=journals[label].shipped_step if label else None,
            has_scores=bool(journals[label].scores),
        )
        for label, uri in figures.training_curves(journals).items()
    ]


def _trend(run: Run, summary: RunSummary) -> Trend:
    """The job's nights: the figure, and the newest as rows."""
    tonight = history.night_of(summary)
    nights = [night for night in history.read(run.job) if night.run_id != tonight.run_id] + [tonight]
    return Trend(figures.trend(nights), len(nights), nights[: -MAX_LISTED_NIGHTS - 1 : -1])


def _audit(catalogue: CatalogueRecord) -> Audit:
    num_left_out = sum(catalogue.reasons.values())
    return Audit(
        num_files=catalogue.num_files,
        num_accepted=catalogue.num_files - num_left_out - sum(catalogue.unused.values()),
        num_left_out=num_left_out,
        reasons=sorted(catalogue.reasons.items(), key=lambda item: -item[1]),
        duplicates=sum(count for reason, count in catalogue.reasons.items() if "duplicate" in reason),
        examples=catalogue.examples[:MAX_EXAMPLES],
    )


def _provenance(summary: RunSummary) -> list[tuple[str, str]]:
    """Names and values of what the run's bytes depend on."""
    height, width = summary.image_size
    given = [
        ("Job", summary.job),
        ("Run", summary.run_id),
        ("Started", text.moment(summary.started)),
        ("Finished", text.moment(summary.finished)),
        ("Images", f"{height} × {width} px, {'grey' if summary.channels == 1 else 'RGB'}"),
        ("Seed", str(summary.seed)),
        ("Threads", str(summary.threads)),
        ("Processor", summary.processor),
        ("GPUs", summary.gpus),
        *summary.versions.items(),
    ]
    return [(name, value) for name, value in given if value]
