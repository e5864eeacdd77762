"""What Prefect makes of a schedule on the days when clocks change, which docs/how-to/schedule.md tells."""

from __future__ import annotations

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from prefect.server.schemas.schedules import CronSchedule

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("cron", "before", "nights"),
    [
        ("30 2 * * *", datetime(2027, 3, 27), ["27T02:30:00+01:00", "28T03:30:00+02:00", "29T02:30:00+02:00"]),
        ("30 2 * * *", datetime(2026, 10, 24), ["24T02:30:00+02:00", "25T02:30:00+02:00", "26T02:30:00+01:00"]),
        ("0 4 * * *", datetime(2027, 3, 27), ["27T04:00:00+01:00", "28T04:00:00+02:00", "29T04:00:00+02:00"]),
    ],
    ids=["no such time", "twice that time", "an ordinary time"],
)
def test_every_day_has_one_run(cron: str, before: datetime, nights: list[str]) -> None:
    schedule = CronSchedule(cron=cron, timezone="Europe/Berlin")
    dates = asyncio.run(schedule.get_dates(3, before.replace(tzinfo=BERLIN)))
    assert [date.isoformat()[8:] for date in dates] == nights
