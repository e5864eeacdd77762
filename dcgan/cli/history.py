"""The command that reads a job's history."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from dcgan.cli import trend
from dcgan.config import load_job
from dcgan.errors import ConfigError
from dcgan.run import history, runs
from dcgan.run.paths import JobFolder
from dcgan.run.records import Verdict
from dcgan.terminal import cell, display, echo, echo_json
from dcgan.text import duration

NOT_MEASURED = "\N{EN DASH}"
WIDE = 110  # characters, from which on all columns are shown
UNBROKEN = 240  # characters: what reads lines, such as grep, gets a night in one


def show(path: Path, logs: Path | None = None, *, as_json: bool) -> int:
    """Print a job's nights, oldest first.

    Args:
        path: a job file, or a job's folder of outputs.
        logs: folder to write them to for TensorBoard.
        as_json: print them for programs instead.

    Raises:
        ConfigError: it is neither, or TensorBoard is not installed.
        StorageError: the history cannot be read, or `logs` cannot be written.
    """
    job = _job_of(path)
    with display.live():
        nights = history.read(job)
    if logs is not None:
        echo(f"Look at them: tensorboard --logdir {trend.write(job, nights, logs).parent}", err=True)
    if as_json:
        rows = [night.model_dump(mode="json") | {"seconds": night.seconds} for night in nights]
        echo_json({"job": job.root.name, "nights": rows})
        return 0
    if not nights:
        echo(f"No run of job {job.root.name} has finished yet ({job.history})")
        return 0
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = UNBROKEN
    shown = Table(title=cell(f"Job {job.root.name}, night by night (UTC)"), title_justify="left", box=SIMPLE_HEAD)
    shown.add_column("run", no_wrap=True)
    if console.width >= WIDE:  # a run's id says when it began
        shown.add_column("finished", no_wrap=True)
    for column in ("took", "images", "shipped", "without", "with"):
        shown.add_column(column, justify="right", no_wrap=True)
    shown.add_column("state")
    for night in nights:
        cells = (
            night.run_id,
            *([f"{night.finished:%Y-%m-%d %H:%M}"] if console.width >= WIDE else []),
            duration(night.seconds),
            f"{night.released:,}",
            f"{night.counts[Verdict.SHIPPED]} of {len(night.verdicts) - night.counts[Verdict.NONE]}",
            _percent(night.accuracy_without),
            _percent(night.accuracy_with),
            night.state,
        )
        shown.add_row(*map(cell, cells))
    console.print(shown)
    return 0


def _job_of(path: Path) -> JobFolder:
    if not path.is_dir():
        return runs.job_paths(load_job(path))
    job = JobFolder(path.resolve())
    if not (job.history.exists() or job.runs.is_dir()):
        raise ConfigError(f"{path}: expected a job file, or a job's folder of outputs such as outputs/signs")
    return job


def _percent(share: float | None) -> str:
    return NOT_MEASURED if share is None else f"{share:.1%}"
