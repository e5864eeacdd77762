"""Serving: a deployment with a schedule, run by the process that registered it."""

from __future__ import annotations

from prefect.schedules import Cron

from dcgan.config import JobConfig
from flows.nightly import flow_for


def serve(job: JobConfig, cron: str, timezone: str) -> None:
    """Register the job with the Prefect server that PREFECT_API_URL names, and stay.

    Args:
        job: resolved.
        cron: minute, hour, day, month, weekday.
        timezone: IANA name; the schedule follows its daylight saving.
    """
    flow_for(job).serve(
        name=job.name,
        schedule=Cron(cron, timezone=timezone),
        parameters={"job": job.model_dump(mode="json")},
        limit=1,  # one run of a job at a time: a late one waits
        pause_on_shutdown=False,
    )
