"""Kill -9 at random moments over whole jobs: are the bytes those of a run that nobody killed?

  python benchmarks/kill.py [--kills 50] [--seed 0] [--json FILE]

A small job on real digits is run once in peace. Then the same job is run again and again in fresh folders; each time
its process is killed with SIGKILL after a random time, half of the time together with all its workers, half of the time
alone, and started again, until it ends; until there were enough kills. Every model and every image of every release
must then be byte for byte that of the first run. Half of the moments are drawn from the whole length of the job, half
from its start, so that early stages are hit too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
import yaml

from benchmarks import common

JOB = {
    "name": "kill",
    "data": {"source": "images", "holdout": 0.4},
    "generation": {"per_class": {"0": 70, "1": 40}},
    "training": {
        "preset": "quick", "base_steps": 400, "class_steps": 200, "width": 8, "latent_dim": 8, "batch_size": 16,
        "log_steps": 5, "snapshot_seconds": 0.05,
    },
    "gate": {"policy": "report", "classifier_steps": 100, "classifier_seeds": 2},
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="at least so many (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    draws = random.Random(args.seed)
    work = Path(tempfile.mkdtemp())

    began = time.monotonic()
    expected = released_bytes(run_to_the_end(prepare(work / "peace")))
    length = time.monotonic() - began
    print(f"in peace: {length:.0f} s, {len(expected)} files", flush=True)

    kills, rounds, different = 0, 0, 0
    stages: Counter[str] = Counter()
    while kills < args.kills:
        rounds += 1
        job = prepare(work / f"round-{rounds}")
        while True:
            wait = draws.uniform(0, length) if draws.random() < 0.5 else draws.uniform(0, 15)
            stage = kill_after(job, wait, with_workers=draws.random() < 0.5)
            if stage is None:
                break
            kills += 1
            stages[stage] += 1
            print(f"kill {kills} after {wait:.1f} s, in {stage}", flush=True)
        found = released_bytes(run_to_the_end(job) if not (job.parent / "outputs/kill/latest").exists() else job)
        wrong = differing(expected, found)
        different += bool(wrong)
        print(
            f"round {rounds} ended after {kills} kills in all: {len(wrong)} of {len(expected)} files differ", flush=True
        )

    rows = [
        ("kills", str(kills)),
        ("jobs that were killed and ended", str(rounds)),
        ("jobs with other bytes", str(different)),
    ]
    rows += [(f"kills in {stage}", str(count)) for stage, count in stages.most_common()]
    print(common.table(("figure", "value"), rows))
    if args.json:
        common.write_json(args.json, "kill", {"machine": common.machine(), "figures": dict(rows)})
    sys.exit(1 if different else 0)


def prepare(folder: Path) -> Path:
    """A fresh job of three classes of real 8 x 8 digits."""
    from tests.conftest import write_digits  # noqa: PLC0415 (what tests need may not be where `gpu.py` is run)

    write_digits(folder / "images", {0: 60, 1: 50, 7: 90})
    (folder / "job.yaml").write_text(yaml.safe_dump(JOB), encoding="utf-8")
    return folder / "job.yaml"


def start(job: Path) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).with_name("dcgan")), "run", str(job)]
    log = (job.parent / "log").open("ab")
    return subprocess.Popen(command, stdout=log, stderr=log)


def run_to_the_end(job: Path) -> Path:
    with start(job) as process:
        assert process.wait() in (0, 3), (job.parent / "log").read_text()
    return job


def kill_after(job: Path, seconds: float, *, with_workers: bool) -> str | None:
    """Run the job and kill it; the stage that it was in, or None when it ended first."""
    with start(job) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert process.wait(seconds) in (0, 3), (job.parent / "log").read_text()
            return None
        main_process = psutil.Process(process.pid)
        children = main_process.children(recursive=True)
        stages = {stage for child in children for stage in stage_of(child)}
        main_process.kill()
        for child in children:
            # Prefect's embedded server outlives its killed parent; fifty of them would fill the memory.
            with contextlib.suppress(psutil.Error):
                if with_workers or "prefect.server.api.server:create_app" in child.cmdline():
                    child.kill()
    return "+".join(sorted(stages)) or "no worker (start, catalogue, split, gate or release)"


def stage_of(worker: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error, IndexError, ValueError, TypeError):
        return [str(json.loads(worker.cmdline()[-1])["stage"])]
    return []


def released_bytes(job: Path) -> dict[str, bytes]:
    """Models and images by path."""
    release = job.parent / "outputs" / "kill" / "latest"
    files = [path for part in ("images", "models") for path in (release / part).rglob("*") if path.is_file()]
    return {path.relative_to(release).as_posix(): path.read_bytes() for path in files}


def differing(expected: dict[str, bytes], found: dict[str, bytes]) -> set[str]:
    """Paths whose bytes are others, or that only one of the two has."""
    return {name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)}


if __name__ == "__main__":
    main()
