"""A training knows what it can afford, and does not spend its time on snapshots."""

from __future__ import annotations

import time

import pytest

from dcgan.execution import process
from dcgan.training.clock import CLOSING_SECONDS, MAX_SNAPSHOT_SHARE, Clock


def test_without_a_limit_all_steps_are_affordable() -> None:
    clock = Clock(None, 20.0, affordable=500)
    clock.take(1000.0)
    assert clock.affordable == 500


def test_what_is_left_of_the_process_life_is_spent_on_steps() -> None:
    clock = Clock(process.seconds() + CLOSING_SECONDS + 60, 20.0, affordable=500)
    clock.take(0.5)
    assert 110 <= clock.affordable <= 120
    clock.take(100.0)
    assert clock.affordable == 0


def test_snapshots_come_as_often_as_configured_and_rarer_where_they_cost_much() -> None:
    now = time.monotonic()
    clock = Clock(None, 20.0, affordable=500, last_snapshot=now - 19)
    assert not clock.snapshot_due()
    clock.last_snapshot = now - 21
    assert clock.snapshot_due()
    clock.saved(began=now - 5)
    assert clock.snapshot_cost >= 5 and not clock.snapshot_due()
    clock.last_snapshot = now - 21
    assert not clock.snapshot_due()
    clock.last_snapshot = now - 5 / MAX_SNAPSHOT_SHARE - 60
    assert clock.snapshot_due()


@pytest.mark.parametrize("cost", [0.0, 100.0])
def test_no_work_may_be_lost_at_any_cost(cost: float) -> None:
    assert Clock(None, 0.0, affordable=500, snapshot_cost=cost).snapshot_due()
