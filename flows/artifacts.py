"""What an operator sees of a run in Prefect's pages."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from dcgan.files import urls
from dcgan.run import sentences
from dcgan.run.paths import Run
from dcgan.run.records import RunResult


def publish_artifacts(run: Run, result: RunResult) -> None:
    """A table of the classes, the sample grid and where the report is, under keys that keep the history of the job."""
    slug = re.sub(r"[^a-z0-9]+", "-", result.job.lower()).strip("-") or "job"
    rows = [
        {
            "class": label,
            "real": outcome.train,
            "held out": outcome.holdout,
            "synthetic": outcome.released,
            "steps": outcome.steps,
            "seconds": outcome.seconds,
            "state": sentences.verdict(outcome),
            "reason": outcome.reason,
        }
        for label, outcome in result.classes.items()
    ]
    create_table_artifact(rows, key=f"{slug}-classes", description=f"Run {run.id}: {result.state}")
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
