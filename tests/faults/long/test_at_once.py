"""Several runs of one job at once: one of them does it, the others say who does, and nothing is mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kill import differing
from tests.faults.long.house import DEADLINE_SECONDS, Peace, watched

pytestmark = pytest.mark.long


@pytest.mark.parametrize("number", [2, 5, 10])
def test_runs_at_once(peace: Peace, tmp_path: Path, number: int) -> None:
    house = peace.copy(tmp_path)
    with watched(house.job) as wrong:
        processes = [house.start() for _ in range(number)]
        try:
            statuses = [process.wait(DEADLINE_SECONDS) for process in processes]
        finally:
            for process in processes:
                process.kill()
    assert not wrong
    done = [status for status in statuses if status in (0, 3)]
    assert done and set(statuses) <= {0, 1, 3}, (statuses, house.said())
    assert house.said().count("is being run by another process") <= statuses.count(1)
    assert not differing(peace.expected, house.released())
    assert not house.left_behind()
