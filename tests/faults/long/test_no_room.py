"""A disk that fills up in any phase of a run: the run says so and ends, and comes to the same bytes when there is room.

The disk is a small file system of its own. It is filled to the last byte as soon as the run comes to the phase.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.kill import differing
from tests.faults.long.house import DEADLINE_SECONDS, Peace, watched, when
from tests.small_disk import small_disk

pytestmark = pytest.mark.long

DISK_KILOBYTES = 400_000


def fill(ballast: Path) -> None:
    """Take all room that is left."""
    with ballast.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@pytest.mark.parametrize("phase", ["catalogue", "split", "judge", "base", "making", "evaluation", "release"])
def test_disk_that_fills_up(peace: Peace, tmp_path: Path, phase: str) -> None:
    house = peace.copy(tmp_path)
    outputs = house.root / "outputs"
    aside = outputs.rename(tmp_path / "aside")
    with small_disk(outputs, DISK_KILOBYTES) as disk:
        shutil.copytree(aside, disk, symlinks=True, dirs_exist_ok=True)
        with watched(house.job) as wrong:
            with house.start() as process:
                try:
                    assert when(house, phase, process)
                    fill(disk / "ballast")
                    status = process.wait(DEADLINE_SECONDS)
                finally:
                    process.kill()
            said = house.said()
            if status not in (0, 3):  # what it had still to write had its room already
                assert status == 1 and "No space left" in said and "Traceback" not in said, said
            (disk / "ballast").unlink()
            house.finish()
        assert not wrong
        assert not differing(peace.expected, house.released())
        assert not house.left_behind()
