"""What an operator sees of a run in Prefect's pages."""

from __future__ import annotations

import base64
import logging
import re
from pathlib import Path

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from dcgan.files import urls
from dcgan.flows.markup import without_markup
from dcgan.run import sentences
from dcgan.run.paths import Run
from dcgan.run.records import RunResult

log = logging.getLogger(__name__)


def publish_artifacts(run: Run, result: RunResult) -> None:
    """A table of the classes, the sample grid and where the report is, under keys that keep the history of the job.

    They only show what has been done: where the server does not take them, the terminal says so and the run goes on.
    """
    try:
        _publish(run, result)
    except Exception as error:
        log.warning("Prefect's pages do not show the classes and samples of run %s: %s", run.id, error)


def _publish(run: Run, result: RunResult) -> None:
    slug = re.sub(r"[^a-z0-9]+", "-", result.job.lower()).strip("-") or "job"
    rows = [
        {
            "class": without_markup(label),
            "real": outcome.train,
            "held out": outcome.holdout,
            "synthetic": outcome.released,
            "steps": outcome.steps,
            "seconds": outcome.seconds,
            "state": sentences.verdict(outcome),
            "reason": without_markup(outcome.reason),
        }
        for label, outcome in result.classes.items()
    ]
    state = without_markup(result.state)
    create_table_artifact(rows, key=f"{slug}-classes", description=f"Run {run.id}: {state}")
    picture = base64.b64encode(run.sample_grid.read_bytes()).decode()
    create_markdown_artifact(
        f"Run {run.id}: per class a row of real images, and below it a row of synthetic ones.\n\n"
        f"![sample grid](data:image/png;base64,{picture})\n",
        key=f"{slug}-samples",
        description=f"Sample grid of run {run.id}",
    )
    report = result.report
    create_link_artifact(
        report if urls.is_url(report) else Path(report).as_uri(),
        link_text=report,  # a browser opens no file from a page of a server: to be copied
        key=f"{slug}-report",
        description=f"Report of run {run.id}",
    )
