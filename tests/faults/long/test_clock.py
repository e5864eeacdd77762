"""Whole runs on a machine whose clock is wrong, or is turned while they run: all of their processes see it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.kill import differing
from dcgan.release.verify import verify
from dcgan.run import history
from tests.faults.long.house import DEADLINE_SECONDS, NUM_KEPT, House, Peace, watched, when

COMPILER = shutil.which("cc")

pytestmark = [pytest.mark.long, pytest.mark.skipif(not COMPILER, reason="there is no C compiler")]

Turn = Callable[[House, str | None], None]


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Turn:
    """Turns the clock of a house's processes, of those that run too."""
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-O1", str(source), "-o", str(library)], check=True)

    def turn(house: House, to: str | None) -> None:
        """Let it show a date and time; None: the true one."""
        off = int(datetime.fromisoformat(to).timestamp() - time.time()) if to else 0
        file = house.root.parent / "clock"
        with file.open("r+b" if file.exists() else "w+b") as content:
            content.write(off.to_bytes(8, "little", signed=True))
        house.environment |= {"LD_PRELOAD": str(library), "CLOCK_OFF": str(file)}

    return turn


def test_nights_of_any_date_keep_the_order_in_which_they_were_made(peace: Peace, tmp_path: Path, turn: Turn) -> None:
    house = peace.copy(tmp_path)
    made = [house.job.latest.resolve().name]
    dates = ["2030-01-01T03:30", None, "1970-01-02T03:30", "2030-01-01T03:30", None]
    for seed, date in enumerate(dates, start=1):
        turn(house, date)
        with house.start("--fresh", "--set", f"generation.seed={seed}") as process:
            assert process.wait(DEADLINE_SECONDS) in (0, 3), house.said()
        newest = house.job.latest.resolve()
        assert newest.name not in made
        assert date is None or newest.name.startswith(date[:4])
        made.append(newest.name)
        verify(newest)
        assert {folder.name for folder in house.job.releases.iterdir()} == set(made[-NUM_KEPT:])
        seconds = json.loads((newest / "release.json").read_text())["seconds"]
        assert all(0 <= each < DEADLINE_SECONDS for each in seconds.values()), seconds
    assert [night.run_id for night in history.read(house.job)] == made
    assert not house.left_behind()


@pytest.mark.parametrize("phase", ["judge", "base", "making", "evaluation", "release"])
def test_clock_that_is_turned_during_a_run_changes_no_byte(
    peace: Peace, tmp_path: Path, turn: Turn, phase: str
) -> None:
    """To 2030, then back to 1970; there the run is killed, and resumed."""
    house = peace.copy(tmp_path)
    turn(house, None)
    with watched(house.job) as wrong:
        with house.start() as process:
            assert when(house, "catalogue", process)
            turn(house, "2030-01-01T03:30")
            assert when(house, phase, process)
            turn(house, "1970-01-02T03:30")
            time.sleep(0.3)
            process.send_signal(signal.SIGKILL)
        house.finish()
    assert not wrong
    assert not differing(peace.expected, house.released())
    assert not house.left_behind()
