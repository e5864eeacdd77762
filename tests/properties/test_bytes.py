"""The same job gives the same bytes: again, after a kill, and one candidate at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import DCGAN, Finished, write_job


def released_bytes(release: Path) -> dict[str, bytes]:
    """Models and images by path."""
    files = [path for part in ("images", "models") for path in (release / part).rglob("*") if path.is_file()]
    return {path.relative_to(release).as_posix(): path.read_bytes() for path in files}


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(
    finished: Finished, run_job: Callable[[Path], Finished], tmp_path: Path
) -> None:
    first = released_bytes(finished.release)
    assert len(first) == 112
    assert released_bytes(run_job(write_job(tmp_path)).release) == first
    generation = {"per_class": {"0": 70}, "seed": 1}
    other = released_bytes(run_job(write_job(tmp_path, name="other", generation=generation)).release)
    assert not set(other.values()) & set(first.values())


def test_run_killed_in_training_and_resumed_gives_the_same_bytes(
    finished: Finished, run_job: Callable[[Path], Finished], environment: dict[str, str], tmp_path: Path
) -> None:
    job = write_job(tmp_path)
    for moment in ("base/step-00000060", "training/0/step-00000010"):
        with subprocess.Popen([*DCGAN, "run", str(job)], env=environment, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 300
            while not list(tmp_path.glob(f"outputs/tiny/runs/*/{moment}-*.npz")):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
    assert len(list(tmp_path.glob("outputs/tiny/runs/*"))) == 1  # the second has resumed the first
    resumed = run_job(job)
    assert f"Resuming run {resumed.summary['run_id']}" in resumed.stderr
    assert released_bytes(resumed.release) == released_bytes(finished.release)


def test_candidate_does_not_depend_on_how_many_are_made(
    finished: Finished, run_job: Callable[[Path], Finished], tmp_path: Path
) -> None:
    fewer = run_job(write_job(tmp_path, generation={"per_class": {"0": 3}}))
    few = {path: content for path, content in released_bytes(fewer.release).items() if path.startswith("images/")}
    assert len(few) == 3
    many = released_bytes(finished.release)
    assert all(many[path] == content for path, content in few.items())
