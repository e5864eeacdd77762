"""Kill -9 at many random moments over whole jobs: not a byte is another, nothing half is seen, and nothing grows.

`DCGAN_KILLS` says how many; `DCGAN_SEED` which moments.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from benchmarks.kill import differing
from tests.faults.long.house import PHASES, House, Peace, watched, when

pytestmark = pytest.mark.long

NUM_KILLS = int(os.environ.get("DCGAN_KILLS", "300"))
SEED = int(os.environ.get("DCGAN_SEED", "0"))
KILLS_OF_A_JOB = 10  # at most, before it is let alone
WITHIN_SECONDS = 1.5  # after a phase has begun, most often within the first tenths, since some are short


def killed(house: House, draws: random.Random, length: float) -> str:
    """Run the job, kill it at a random moment, and say in which phase that was; "" when it ended first.

    Half of the moments are drawn from the whole length of a run, half from what follows the beginning of a phase, which
    may be short. Half of the time its workers are killed with it, in any order; else they have to notice.
    """
    with house.start() as process:
        if draws.random() < 0.5:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(draws.uniform(0, length))
        elif when(house, draws.choice(PHASES), process):
            time.sleep(WITHIN_SECONDS * draws.random() ** 3)
        if process.poll() is not None:
            assert process.returncode in (0, 3), house.said()
            return ""
        phase = house.phase()
        family = [psutil.Process(process.pid)]
        if draws.random() < 0.5:
            family += family[0].children(recursive=True)
            draws.shuffle(family)
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.send_signal(signal.SIGKILL)
    return phase


def test_kills_change_no_byte_and_leave_nothing_behind(peace: Peace, tmp_path: Path) -> None:
    draws, phases, jobs, num_kills = random.Random(SEED), Counter[str](), 0, 0
    while num_kills < NUM_KILLS:
        jobs += 1
        (tmp_path / str(jobs)).mkdir()
        house = peace.copy(tmp_path / str(jobs))
        with watched(house.job) as wrong:
            for _ in range(KILLS_OF_A_JOB):
                phase = killed(house, draws, peace.seconds)
                if not phase:
                    break
                phases[phase] += 1
                num_kills += 1
                gone = psutil.wait_procs(house.processes(), timeout=30)
                assert not gone[1], f"processes outlive a run killed in {phase}: {gone[1]}"
            else:
                house.finish()
        assert not wrong, (phases, wrong[:5])
        assert not (other := differing(peace.expected, house.released())), (phases, sorted(other)[:5])
        assert not (left := house.left_behind()), (phases, left[:10])
    print(f"{num_kills} kills over {jobs} jobs, in {dict(phases)}")
    if NUM_KILLS >= 100:
        assert set(phases) == set(PHASES)
