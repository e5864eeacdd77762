"""A class of so many images that several processes make them, and a kill while they do."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd

from dcgan.curation.parts import PART, SHARDS_MIN
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import GenerationRecord
from tests.conftest import DCGAN, write_job
from tests.shell import Dcgan

COUNT = SHARDS_MIN * PART + 100  # whole parts, and what is made where they are joined


def test_killed_while_its_shards_are_made_a_large_class_has_each_image_once(tmp_path: Path, lasting: Dcgan) -> None:
    job = write_job(
        tmp_path, generation={"per_class": {"0": COUNT}}, run={"processes": 2, "threads": 1},
        curation={"filters": []},  # all candidates are different, and none needs another look
    )  # fmt: skip
    assert lasting("train", job).returncode == 0
    [folder] = tmp_path.glob("outputs/tiny/runs/*")
    run = Run(folder)

    def num_made() -> int:
        return len(list(run.shards("0").glob("*/rows.json")))

    with subprocess.Popen([*DCGAN, "generate", job], stderr=subprocess.DEVNULL, start_new_session=True) as process:
        while num_made() < 3:
            assert process.poll() is None
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    assert num_made() < SHARDS_MIN, "it was killed too late to show anything"
    assert lasting("generate", job).returncode == 0

    logs = {path.name for path in (run.root / "logs").glob("shards-*")}
    assert logs == {"shards-0-0.log", f"shards-0-{PART}.log"}, "two processes made them"
    assert not run.shards("0").exists()
    record = records.read(run.generation("0") / "record.json", GenerationRecord)
    rows = pd.read_parquet(run.generation("0") / "rows.parquet")
    assert len(rows) == rows["pixel_hash"].nunique() == record.accepted == COUNT
    assert rows["index"].is_monotonic_increasing
    names = {path.stem for path in (run.generation("0") / "images").iterdir()}
    assert names == set(rows["image_id"])
