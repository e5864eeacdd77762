"""Training on a GPU: images/s by processes side by side, and whether a kill leaves the bytes as they are.

  python benchmarks/gpu.py [--processes 1,4,8] [--json FILE]

The rates are of the bare training loop with all that a job adds to its steps (see `training_worker.ours`), in as many
processes at a time, on the first GPU. Then a small job on real digits is run twice by the command line, two processes
on the GPU: in peace, and killed with SIGKILL together with its workers half-way, and started again. Every model and
image must be the same.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks import common, datasets, kill
from benchmarks.training import BATCH_SIZE, Contestant, Team
from benchmarks.training_worker import Setting
from dcgan.execution import devices

STEPS, REPETITIONS = 300, 5
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
    gpu = {"CUDA_VISIBLE_DEVICES": devices.gpus()[0], "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    found = []
    for title, shape, width, precisions in SHAPES:
        file = folder / f"{title}.npy"
        np.save(file, np.random.default_rng(0).integers(0, 256, (512, *shape), np.uint8))
        for precision, count in itertools.product(precisions, counts):
            options = {"everything": True, "precision": precision}
            setting = Setting("ours", options, str(file), width, BATCH_SIZE, threads=1, max_steps=STEPS, warm_up=STEPS)
            team = Team(Contestant(title, "ours", options, processes=count), setting, sys.executable, folder, gpu)
            for _ in range(REPETITIONS):
                team.measure()
            team.end()
            if team.trouble:
                sys.exit(f"{title}, {precision}, {count} processes: {team.trouble}")
            rate = round(count * STEPS * BATCH_SIZE / statistics.median(team.seconds))
            found.append(
                {"images": title, "width": width, "precision": precision, "processes": count, "images/s": rate}
            )
    return found


def bytes_that_differ(folder: Path) -> list[str]:
    """Models and images that a job gives otherwise when it was killed; and what it took."""
    began = time.monotonic()
    expected = kill.released_bytes(kill.run_to_the_end(prepare(folder / "peace")))
    length = time.monotonic() - began
    job = prepare(folder / "killed")
    stage = kill.kill_after(job, length / 2, with_workers=True)
    found = kill.released_bytes(kill.run_to_the_end(job))
    different = sorted(kill.differing(expected, found))
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
