"""What an operator sees of a run in Prefect's pages."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from dcgan.files import urls
from dcgan.run import outcome
from dcgan.run.paths import Run


def publish_artifacts(run: Run, summary: Mapping[str, Any]) -> None:
    """A table of the classes, the sample grid and where the report is, under keys that keep the history of the job."""
    slug = re.sub(r"[^a-z0-9]+", "-", summary["job"].lower()).strip("-") or "job"
    rows = [
        {
            "class": label,
            "real": entry["train"],
            "held out": entry["holdout"],
            "synthetic": outcome.released(entry),
            "steps": entry["steps"],
            "seconds": entry["seconds"],
            "state": outcome.told_verdict(entry),
            "reason": entry["reason"],
        }
        for label, entry in summary["classes"].items()
    ]
    create_table_artifact(rows, key=f"{slug}-classes", description=f"Run {run.id}: {summary['state']}")
    picture = base64.b64encode(run.sample_grid.read_bytes()).decode()
    create_markdown_artifact(
        f"Run {run.id}: per class a row of real images, and below it a row of synthetic ones.\n\n"
        f"![sample grid](data:image/png;base64,{picture})\n",
        key=f"{slug}-samples",
        description=f"Sample grid of run {run.id}",
    )
    report = summary["report"]
    create_link_artifact(
        report if urls.is_url(report) else Path(report).as_uri(),
        link_text=report,  # a browser opens no file from a page of a server: to be copied
        key=f"{slug}-report",
        description=f"Report of run {run.id}",
    )
