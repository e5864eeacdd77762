"""Serving: a deployment with a schedule, run by the process that registered it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

import psutil
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.runner import Runner
from prefect.schedules import Cron, Schedule

from dcgan.config import load_job
from dcgan.errors import ConfigError
from dcgan.flows import notifications, server
from dcgan.flows.notifications import End
from dcgan.flows.scheduled import scheduled
from dcgan.terminal import display

Overlap = Literal["wait", "cancel"]
STRATEGIES: dict[Overlap, ConcurrencyLimitStrategy] = {
    "wait": ConcurrencyLimitStrategy.ENQUEUE,
    "cancel": ConcurrencyLimitStrategy.CANCEL_NEW,
}
IN_WORDS: dict[Overlap, str] = {"wait": "waits until that has ended", "cancel": "is cancelled"}


class _Runner(Runner):
    """Prefect's runner with another way of ending on SIGTERM."""

    async def start(self, *arguments: Any, **keywords: Any) -> None:
        """As in Prefect's runner."""
        self._serving = asyncio.current_task()
        self._serving_loop = asyncio.get_running_loop()
        await super().start(*arguments, **keywords)

    def handle_sigterm(self, *_arguments: Any, **_keywords: Any) -> None:
        """End runs and serving, as Ctrl-C in a terminal does, even if a shell makes this process ignore Ctrl-C.

        Prefect's own handler creates a coroutine that nobody awaits, and would have to wait for a run to end.
        """
        for child in psutil.Process().children():
            child.terminate()
        if self._serving is not None:
            self._serving_loop.call_soon_threadsafe(self._serving.cancel)


def serve(
    job_file: Path,
    settings: Sequence[str],
    *,
    cron: str,
    timezone: str,
    overlap: Overlap,
    notify: Sequence[str],
    notify_on: Sequence[End],
) -> None:
    """Register the job with the Prefect server that PREFECT_API_URL names, and serve it until stopped.

    Args:
        job_file: read now, to check it, and again by each run.
        settings: override keys of the job file.
        cron: minute, hour, day, month, weekday.
        timezone: IANA name; the schedule follows its daylight saving.
        overlap: what to do when a run is due while the previous one is still running.
        notify: notification blocks that report how a run ends.
        notify_on: ends that they report.

    Raises:
        ConfigError: there is no such job, schedule or block, or no server to register them with.
    """
    job = load_job(job_file, settings)
    schedule = _schedule(cron, timezone)
    server.require()
    for block in notify:
        notifications.load(block, "--notify")
    server.warn_of_settings()
    # No limit of its own: a late run must reach the server, which holds it back or cancels it.
    runner = _Runner(name=job.name, limit=None, pause_on_shutdown=False)
    runner.add_flow(
        scheduled,
        name=job.name,
        schedule=schedule,
        parameters={
            "job_file": str(job_file.resolve()),
            "settings": list(settings),
            "notify": list(notify),
            "notify_on": list(notify_on),
        },
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=STRATEGIES[overlap]),
    )
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):  # it is how serving ends
        display.say(
            f"Serving job {job.name}: {cron} in {timezone}. "
            f"A run that is due while another is running {IN_WORDS[overlap]}.\n"
            f"To run it now: prefect deployment run '{scheduled.name}/{job.name}'\n"
            "Ctrl-C ends serving. The schedule stays registered, and continues when the job is served again."
        )
        asyncio.run(runner.start())


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
