"""A job begun by its own stages, for benchmarks that go on from there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcgan import runs, stages
from dcgan.config import JobConfig, parse_job
from dcgan.paths import Run


def begun(values: Mapping[str, Any]) -> tuple[Run, JobConfig]:
    """The run of a job file's content, up to its judge, and the resolved job; one that is there is gone on with."""
    job = parse_job(dict(values), where="benchmark").resolve(Path())
    run, _ = runs.open_run(job)
    stages.catalogue(run, job)
    stages.split(run, job)
    stages.judge(run, job)
    return run, job
