"""Serving: a deployment with a schedule, run by the process that registered it."""

from __future__ import annotations

from zoneinfo import available_timezones

from prefect.schedules import Cron, Schedule

from dcgan.config import JobConfig
from dcgan.errors import ConfigError
from flows import server
from flows.nightly import flow_for


def serve(job: JobConfig, cron: str, timezone: str) -> None:
    """Register the job with the Prefect server that PREFECT_API_URL names, and stay.

    Args:
        job: resolved.
        cron: minute, hour, day, month, weekday.
        timezone: IANA name; the schedule follows its daylight saving.

    Raises:
        ConfigError: there is no such schedule, or no server to register it with.
    """
    schedule = _schedule(cron, timezone)
    server.require()
    flow_for(job).serve(
        name=job.name,
        schedule=schedule,
        parameters={"job": job.model_dump(mode="json")},
        limit=1,  # one run of a job at a time: a late one waits
        pause_on_shutdown=False,
    )


def _schedule(cron: str, timezone: str) -> Schedule:
    if timezone not in available_timezones():
        raise ConfigError(
            f"--timezone: expected the IANA name of a time zone, such as Europe/Berlin (found {timezone!r})"
        )
    try:
        return Cron(cron, timezone=timezone)
    except ValueError as error:
        raise ConfigError(
            "--cron: expected five fields, minute hour day month weekday, such as '0 2 * * *' for every night at two "
            f"(found {cron!r})"
        ) from error
