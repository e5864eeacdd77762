"""Training on a GPU: images/s by processes side by side, and whether a kill leaves the bytes as they are.

  python benchmarks/gpu.py [--processes 1,4,8] [--json FILE]

The rates are of the bare training loop with all that a job adds to its steps (see `training_worker.ours`), in as many
processes at a time, on the first GPU. Then a small job on real digits is run twice by the command line, two processes
on the GPU: in peace, and killed with SIGKILL together with its workers half-way, and started again. Every model and
image must be the same.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks import common, datasets, kill
from benchmarks.training_worker import Setting
from dcgan import devices

ROOT = Path(__file__).parent.parent
SECONDS = 3.0  # of each measurement, about
# What is trained: title, (H, W, C), width, precisions.
SHAPES = [("28 x 28", (28, 28, 1), 32, ["float32"]), ("64 x 64", (64, 64, 3), 64, ["float32", "bfloat16"])]
JOB = {
    "name": "kill",
    "data": {"source": "data.npz", "holdout": "test"},
    "generation": {"per_class": {"0": 70, "1": 40}},
    "training": {"preset": "quick", "base_steps": 600, "class_steps": 400, "log_steps": 25, "snapshot_seconds": 0.5},
    "gate": {"policy": "report", "classifier_steps": 100, "classifier_seeds": 2},
    "run": {"per_gpu": 2, "threads": 2},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", default="1,4,8")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if not devices.gpus():
        sys.exit("there is no GPU here")

    with tempfile.TemporaryDirectory() as folder:
        results = rates(Path(folder), [int(count) for count in args.processes.split(",")])
        print(common.table(list(results[0]), [[str(value) for value in row.values()] for row in results]), flush=True)
        different = bytes_that_differ(Path(folder))
    if args.json:
        common.write_json(args.json, "gpu", {"machine": common.machine(), "rates": results, "different": different})
    sys.exit(1 if different else 0)


def rates(folder: Path, counts: list[int]) -> list[dict[str, Any]]:
    """Images/s of all processes together, for each shape, precision and number of processes."""
    found = []
    for title, shape, width, precisions in SHAPES:
        file = folder / f"{title}.npy"
        np.save(file, np.random.default_rng(0).integers(0, 256, (512, *shape), np.uint8))
        for precision in precisions:
            options = {"everything": True, "precision": precision}
            setting = Setting("ours", options, str(file), width, 64, threads=1, max_steps=10**6, warm_up=50)
            began = time.monotonic()
            workers = [begin(setting) for _ in range(max(counts))]
            for worker in workers:
                heard(worker)
            ready = time.monotonic() - began
            for count in counts:
                steps = max(50, round(50 * SECONDS / timed(workers[:count], 50)))
                found.append(
                    {
                        "images": title, "width": width, "precision": precision, "processes": count,
                        "images/s": round(count * steps * 64 / timed(workers[:count], steps)),
                        "ready after, s": round(ready, 1),
                    }
                )  # fmt: skip
            for worker in workers:
                worker.communicate()
    return found


def begin(setting: Setting) -> subprocess.Popen[str]:
    environment = os.environ | {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    command = [sys.executable, "-m", "benchmarks.training_worker", json.dumps(dataclasses.asdict(setting))]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment, cwd=ROOT
    )


def heard(worker: subprocess.Popen[str]) -> dict[str, Any]:
    assert worker.stdout
    return dict(json.loads(worker.stdout.readline()))


def timed(workers: list[subprocess.Popen[str]], steps: int) -> float:
    """Seconds in which each of the workers runs so many steps."""
    began = time.monotonic()
    for worker in workers:
        assert worker.stdin
        worker.stdin.write(f"{steps}\n")
    for worker in workers:
        assert np.isfinite(heard(worker)["losses"]).all()
    return time.monotonic() - began


def bytes_that_differ(folder: Path) -> list[str]:
    """Models and images that a job gives otherwise when it was killed; and what it took."""
    began = time.monotonic()
    expected = kill.released_bytes(kill.run_to_the_end(prepare(folder / "peace")))
    length = time.monotonic() - began
    job = prepare(folder / "killed")
    stage = kill.kill_after(job, length / 2, with_workers=True)
    found = kill.released_bytes(kill.run_to_the_end(job))
    different = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    print(f"in peace: {length:.0f} s; killed in: {stage}; {len(different)} of {len(expected)} files differ", flush=True)
    return different


def prepare(folder: Path) -> Path:
    """A fresh job of three classes of digits, of 40 to 90 images."""
    folder.mkdir()
    images, labels, split = datasets.digits()
    rows = np.concatenate(
        [
            np.flatnonzero((labels == name) & (split == part))[:count]
            for name, num_train in (("0", 60), ("1", 40), ("7", 90))
            for part, count in (("train", num_train), ("test", 40))
        ]
    )
    np.savez(folder / "data.npz", images=images[rows], labels=labels[rows], split=split[rows])
    (folder / "job.yaml").write_text(yaml.safe_dump(JOB), encoding="utf-8")
    return folder / "job.yaml"


if __name__ == "__main__":
    main()
