"""Publishing what ships, on this machine and where `outputs.root` points to."""

from __future__ import annotations

from dcgan.config import ResolvedJob
from dcgan.execution.progress import reports
from dcgan.files import pictures, storage
from dcgan.release import remote
from dcgan.release.publish import publish
from dcgan.report import write_report
from dcgan.report.samples import class_grid
from dcgan.run import runs
from dcgan.run.paths import Run
from dcgan.run.records import RunResult, RunSummary


def release(run: Run, job: ResolvedJob, summary: RunSummary) -> RunResult:
    """Publish what ships. If nothing ships, the releases stay as they are.

    Args:
        run: its folder.
        job: resolved.
        summary: of the run.

    Returns:
        The summary, and the paths of report and release.
    """
    samples = str(run.sample_grid)
    storage.write_bytes(run.sample_grid, pictures.png(class_grid(run, summary.classes)))
    if not summary.shipped:  # the report still gives the reasons
        write_report(run, job, summary, run.report)
        return RunResult(**dict(summary), samples=samples, report=str(run.report))
    folder = publish(run, job, summary)
    release, latest = str(folder), str(run.job.latest)
    if url := runs.job_url(job):
        where = remote.upload(run.job, folder.name, url, job.outputs.keep, reports.send)
        release, latest = where["release"], where["latest"]
    report = f"{release}/report.html"
    return RunResult(**dict(summary), samples=samples, report=report, release=release, latest=latest)
