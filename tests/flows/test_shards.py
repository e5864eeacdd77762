"""A class of so many images that several processes make them, and a kill while they do."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from dcgan.curation.parts import PART, SHARDS_MIN
from dcgan.run.paths import Run
from tests.conftest import DCGAN, Finished, write_job

COUNT = SHARDS_MIN * PART + 100  # whole parts, and what is made where they are joined


def test_killed_while_its_shards_are_made_a_large_class_has_each_image_once(
    run_job: Callable[[Path], Finished], environment: dict[str, str], tmp_path: Path
) -> None:
    job = write_job(
        tmp_path, generation={"per_class": {"0": COUNT, "1": 20}}, run={"processes": 2, "threads": 1},
        gate={"policy": "report", "classifier_steps": 10, "classifier_seeds": 2, "mixup": False},
    )  # fmt: skip
    process = subprocess.Popen([*DCGAN, "run", job], env=environment, stderr=subprocess.DEVNULL, start_new_session=True)

    def num_made() -> int:
        return len(list(tmp_path.glob("outputs/tiny/runs/*/shards/0/*/rows.json")))

    while num_made() < 3:
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    num_before = num_made()
    finished = run_job(job)

    run = Run(finished.run)
    logs = {path.name for path in (run.root / "logs").glob("shards-*")}
    assert logs == {"shards-0-0.log", f"shards-0-{PART}.log"}, "two processes made them"
    assert num_before < SHARDS_MIN, "it was killed too late to show anything"
    assert not run.shards("0").exists()
    rows = pd.read_parquet(run.generation("0") / "rows.parquet")
    assert len(rows) == rows["pixel_hash"].nunique() == finished.summary["classes"]["0"]["accepted"] == COUNT
    assert rows["index"].is_monotonic_increasing
    assert len(list((finished.release / "images" / "0").iterdir())) == COUNT
