"""Publishing what ships, here and where `outputs.root` says."""

from __future__ import annotations

from typing import Any

from dcgan.config import JobConfig
from dcgan.execution.progress import reports
from dcgan.files import pictures, storage
from dcgan.release import remote
from dcgan.release.publish import publish
from dcgan.report import write_report
from dcgan.report.samples import class_grid
from dcgan.run import runs
from dcgan.run.paths import Run


def release(run: Run, job: JobConfig, summary: dict[str, Any]) -> dict[str, Any]:
    """Publish what ships. A run of which nothing ships leaves the releases as they were.

    Args:
        run: its folder.
        job: resolved.
        summary: see `dcgan.run.outcome`.

    Returns:
        The summary, and where things are: `samples`, `report`, and `release` and `latest` or None.
    """
    storage.write_bytes(run.sample_grid, pictures.png(class_grid(run, summary["classes"])))
    ships = any(entry["verdict"] == "shipped" for entry in summary["classes"].values())
    folder = publish(run, job, summary) if ships else None
    if folder is None:  # the reasons are reported all the same
        write_report(run, job, summary, run.report)
    where: dict[str, Any] = {
        "samples": run.sample_grid,
        "release": folder,
        "latest": run.job.latest if folder else None,
        "report": folder / "report.html" if folder else run.report,
    }
    if folder and (url := runs.job_url(job)):
        where |= remote.upload(run.job, folder.name, url, job.outputs.keep, reports.send)
        where["report"] = f"{where['release']}/report.html"
    return summary | {name: str(path) if path else None for name, path in where.items()}
