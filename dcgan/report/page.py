"""The report's page: a head with the answer, and below it the sections, one after the other.

The evidence comes from folders that may be incomplete (a class failed, nothing could be evaluated): what is missing
is left out or said to be missing. Every text goes through the templates' escaping, and every id is a number.
"""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup

from dcgan.config import ResolvedJob
from dcgan.files import storage
from dcgan.report import text, verdicts
from dcgan.report.gallery import class_pictures
from dcgan.report.sections import SECTIONS
from dcgan.report.sections.base import ClassView, Shown
from dcgan.run import sentences
from dcgan.run.paths import Run
from dcgan.run.records import RunSummary, Verdict
from dcgan.text import duration

MAX_PICTURED = 60  # classes whose pictures are shown: a page of a thousand would not open

FILTERS = {
    "points": text.points,
    "percent": text.percent,
    "figure": text.figure,
    "count": text.count,
    "moment": text.moment,
    "duration": duration,
}


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
    environment.globals |= {"summary": summary, "classes": classes, "verdicts": verdicts.VERDICTS}
    shown = Shown(run, job, summary, classes)
    views = [(section, section.view(shown)) for section in SECTIONS]
    return environment.get_template("report.html.j2").render(
        number_of={view.label: view.number for view in classes},
        advice=sentences.advice(summary.advice) if summary.advice else None,
        worth=sentences.worth(summary.advice) if summary.advice else None,
        headline=verdicts.headline(outcomes.values(), summary.overall),
        groups=verdicts.groups(outcomes),
        num_asked=sum(outcome.verdict is not Verdict.NONE for outcome in outcomes.values()),
        num_seeds=job.gate.classifier_seeds,
        sections=[
            (section, Markup(environment.from_string(section.template).render(view)))  # noqa: S704 (escaped just now)
            for section, view in views
            if view is not None
        ],
    )
