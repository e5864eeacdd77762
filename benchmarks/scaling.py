"""Cost as the work grows: number of classes, images per class, and processes side by side.

  python benchmarks/scaling.py DATA [--classes 2,5,10,43] [--images 100,1000,6000] [--json FILE] [--plot FILE]

Real jobs by the real command line. DATA (see `datasets.py`) is cut into as many classes as wanted: each of its own
classes into parts of equal size. Seconds per class are the wall time of training and generation, times processes,
divided by classes. Memory is the job's own process (the parent, which trains nothing) when the first class and the last
are trained and at its largest, which is later, and the largest of its workers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml

from benchmarks import common, datasets

TRAINING = {"preset": "quick", "base_steps": 50, "class_steps": 200}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--classes", default="2,5,10,43")
    parser.add_argument("--images", default="100,1000,6000")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    images, labels, split = datasets.load(args.data)
    images, labels = images[split == "train"], labels[split == "train"]

    results = [
        measure(images, labels, num_classes=int(count), per_class=100, processes=2) for count in args.classes.split(",")
    ]
    results += [
        measure(images, labels, num_classes=4, per_class=int(count), processes=2) for count in args.images.split(",")
    ]
    results += [measure(images, labels, num_classes=4, per_class=100, processes=1)]
    header = list(results[0])
    print(common.table(header, [[str(result[name]) for name in header] for result in results]))
    one = results[-1]["training and generation, s"]
    two = next(entry for entry in results if entry["classes"] == 4)["training and generation, s"]
    print(f"parallel efficiency on two cores: {one / two / 2:.2f}")
    if args.json:
        common.write_json(args.json, "scaling", {"machine": common.machine(), "results": results})
    if args.plot:
        plot(results, args.plot)


def measure(
    images: np.ndarray, labels: np.ndarray, *, num_classes: int, per_class: int, processes: int
) -> dict[str, Any]:
    """Run one job of `num_classes` classes with `per_class` training images each."""
    folder = Path(tempfile.mkdtemp())
    names, parts = np.unique(labels), -(-num_classes // len(np.unique(labels)))
    chosen, called, split = [], [], []
    for number in range(num_classes):
        rows = np.flatnonzero(labels == names[number // parts])[number % parts :: parts][: per_class + 20]
        chosen.append(rows)
        called += [f"{number:02d}"] * len(rows)
        split += ["train"] * (len(rows) - 20) + ["test"] * 20
    np.savez(folder / "data.npz", images=images[np.concatenate(chosen)], labels=called, split=split)
    job = {
        "name": "scaling", "data": {"source": "data.npz", "holdout": "test"}, "generation": {"per_class": 64},
        "training": TRAINING, "run": {"processes": processes, "threads": 1},
        "gate": {"policy": "report", "classifier_steps": 50, "classifier_seeds": 2},
    }  # fmt: skip
    (folder / "job.yaml").write_text(yaml.safe_dump(job), encoding="utf-8")

    command = [str(Path(sys.executable).with_name("dcgan")), "run", str(folder / "job.yaml"), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        memory = Memory(psutil.Process(process.pid), folder)
        content, _ = process.communicate()
    memory.stop()
    summary = json.loads(content)
    seconds = summary["seconds"]["training and generation"]
    records = [json.loads(file.read_text()) for file in folder.glob("outputs/scaling/runs/*/training/*/record.json")]
    return {
        "classes": num_classes,
        "images per class": per_class,
        "processes": processes,
        "training and generation, s": seconds,
        "s per class and process": round(seconds * processes / num_classes, 1),
        "class training, s": round(float(np.median([record["seconds"] for record in records])), 1),
        "parent after first class, MB": round(memory.first / 1e6),
        "parent after last class, MB": round(memory.last / 1e6),
        "parent at most, MB": round(memory.most / 1e6),
        "worker at most, MB": max(record["peak_memory_mb"] for record in records),
    }


class Memory(common.Watcher):
    """Resident memory of one process, watched by a thread; at its first and last class, and at most."""

    def __init__(self, process: psutil.Process, folder: Path) -> None:
        self.first = self.last = self.most = 0
        self._num_trained = 0
        self._process, self._folder = process, folder
        super().__init__(0.2)

    def look(self) -> None:
        try:
            size = self._process.memory_info().rss
        except psutil.Error:
            return
        self.most = max(self.most, size)
        num_trained = len(list(self._folder.glob("outputs/scaling/runs/*/training/*/record.json")))
        if num_trained > self._num_trained:
            self._num_trained, self.last = num_trained, size
            self.first = self.first or size


def plot(results: list[dict[str, Any]], file: Path) -> None:
    """Seconds per class over classes and over images per class."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(8, 3))
    for axes, key, of in zip(
        figure.subplots(1, 2, sharey=True), ("classes", "images per class"), (100, None), strict=True
    ):
        shown = [
            entry for entry in results
            if entry["processes"] == 2 and (entry["images per class"] == of if of else entry["classes"] == 4)
        ]  # fmt: skip
        shown.sort(key=lambda entry: entry[key])
        counts = [entry[key] for entry in shown]
        axes.plot(counts, [entry["s per class and process"] for entry in shown], "o-")
        axes.set_xscale("log")
        axes.set_xticks(counts, labels=[f"{count:,}" for count in counts])
        axes.set_xticks([], minor=True)
        axes.set_xlabel(key)
        axes.set_ylabel("seconds per class and process")
    figure.axes[0].set_ylim(0, 1.1 * max(entry["s per class and process"] for entry in results))
    figure.tight_layout()
    figure.savefig(file, dpi=120)


if __name__ == "__main__":
    main()
