"""Seconds of one of many, from calls that take some time for themselves."""

from __future__ import annotations

import pytest

from dcgan.pipeline.duration.trials import LONG, SECONDS, _seconds_of_one


@pytest.mark.parametrize("each", [1e-5, 0.01, 0.4])
def test_what_a_call_takes_for_itself_does_not_count(each: float) -> None:
    asked = []

    def work(count: int) -> float:
        asked.append(count)
        return 0.3 + count * each

    assert _seconds_of_one(work) == pytest.approx(each)
    assert (asked[-1] - 1) * each >= SECONDS and sum(asked) * each < 20 * LONG


def test_long_steps_are_timed_once() -> None:
    asked: list[int] = []

    def of(count: int) -> float:
        asked.append(count)
        return count * LONG

    assert _seconds_of_one(of) == LONG and asked == [1]
