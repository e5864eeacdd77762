"""Whole jobs from start to verdict: seconds and processor seconds by stage and by process, beside another checkout.

  python -m benchmarks.job [--cases demo,seeds,classes-2,classes-10,classes-43] [--before CHECKOUT] [--rounds 3]
                           [--json FILE]

Cases: `demo` is `dcgan demo`, and then a night on which one class has lost an image; `seeds` the demo with five
classifier seeds instead of three; `classes-43` 43 classes of 28 x 28 px, 200 steps each. Each is run in every
checkout in turn, so that what else the machine does falls on both alike, and the median of the rounds is printed.
Processor seconds are read four times a second; what a process uses after its last reading is missing.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import yaml

from benchmarks import common, datasets

HERE = Path(__file__).parents[1]
SAMPLE_SECONDS = 0.25
NUM_CLASSES = (2, 10, 43)
PER_CLASS, NUM_TESTED = 100, 15
Figures = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--before", type=Path, help="another checkout, whose code is run in turn with this one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    checkouts = {"now": HERE} | ({"before": args.before.resolve()} if args.before else {})
    results: dict[str, dict[str, list[Figures]]] = {}
    for case in args.cases.split(","):
        results[case] = {name: [] for name in checkouts}
        for _ in range(args.rounds):
            for name, checkout in checkouts.items():
                results[case][name].append(CASES[case](checkout, Path(tempfile.mkdtemp())))
        print(f"\n{case}, median of {args.rounds}:\n\n{_table(results[case])}")
    if args.json:
        common.write_json(args.json, "job", {"machine": common.machine(), "results": results})


def _table(found: dict[str, list[Figures]]) -> str:
    """A row for each figure; the ratio is that of now to before."""
    names = list(dict.fromkeys(name for rounds in found.values() for figures in rounds for name in figures))
    rows = []
    for name in names:
        medians = [statistics.median(figures.get(name, 0.0) for figures in rounds) for rounds in found.values()]
        ratio = [f"{medians[0] / medians[1]:.2f}" if medians[1] else ""] if len(medians) > 1 else []
        rows.append([name, *(f"{value:,.1f}" for value in medians), *ratio])
    return common.table(("figure", *found, *(["ratio"] if len(found) > 1 else [])), rows)


def demo(checkout: Path, folder: Path) -> Figures:
    command = ("demo", "--out", str(folder / "outputs"))
    first = run(checkout, folder, *command)
    lost = next(file for file in sorted((folder / "outputs").rglob("*.png")) if file.match("train/3/*.png"))
    lost.unlink()
    second = run(checkout, folder, *command)
    return first | {f"the night after: {name}": value for name, value in second.items()}


def seeds(checkout: Path, folder: Path) -> Figures:
    return run(checkout, folder, "demo", "--out", str(folder / "outputs"), "--set", "gate.classifier_seeds=5")


def classes(num_classes: int, checkout: Path, folder: Path) -> Figures:
    """So many classes of digits, each digit cut into several if there are more than ten."""
    images, labels, _ = datasets.load(Path("digits"))
    names = np.unique(labels)
    parts = -(-num_classes // len(names))
    called = np.full(len(labels), "", dtype="U2")
    for number in range(num_classes):
        called[np.flatnonzero(labels == names[number // parts])[number % parts :: parts][:PER_CLASS]] = f"{number:02d}"
    chosen = called != ""
    np.savez(folder / "data.npz", images=images[chosen], labels=called[chosen])
    job = {
        "name": "classes", "data": {"source": "data.npz", "holdout": NUM_TESTED / PER_CLASS},
        "generation": {"per_class": 64}, "training": {"preset": "quick", "base_steps": 50, "class_steps": 200},
        "gate": {"policy": "report", "classifier_steps": 50, "classifier_seeds": 2},
    }  # fmt: skip
    (folder / "job.yaml").write_text(yaml.safe_dump(job), encoding="utf-8")
    return run(checkout, folder, "run", str(folder / "job.yaml"))


CASES: dict[str, Callable[[Path, Path], Figures]] = {
    "demo": demo,
    "seeds": seeds,
    **{f"classes-{count}": functools.partial(classes, count) for count in NUM_CLASSES},
}


def run(checkout: Path, folder: Path, *arguments: str) -> Figures:
    """Run a command of a checkout that ends with a run's summary, and watch its processes.

    Args:
        checkout: its root.
        folder: which the command writes to.
        arguments: the command, without `--json`.
    """
    environment = os.environ | {"PYTHONPATH": str(checkout), "PREFECT_HOME": str(folder / "prefect")}
    command = [sys.executable, "-c", "import sys; from dcgan.cli import main; sys.exit(main())", *arguments, "--json"]
    began = time.monotonic()
    with (
        (folder / "messages").open("wb") as messages,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=messages, text=True, env=environment, cwd=checkout
        ) as process,
    ):
        watch = Watch(process.pid, folder / "messages")
        content, _ = process.communicate()
    seconds = time.monotonic() - began
    watch.stop()
    summary = json.loads(content)
    figures = {"start to end, s": seconds, "first line after, s": watch.first_line, "run begins after, s": watch.begun}
    at = watch.begun
    for stage, took in summary["seconds"].items():
        busy = watch.used_until(at + took) - watch.used_until(at)
        figures |= {f"{stage}, s": took, f"{stage}, processor s": busy}
        at += took
    figures |= {f"{kind}, processor s": used for kind, used in sorted(watch.by_kind.items())}
    figures["worker processes"] = watch.num_workers
    runs = sorted(Path(summary["samples"]).parent.parent.iterdir())
    trained = [json.loads(file.read_text()) for file in runs[-1].glob("training/*/record.json")]
    of_run = [record for record in trained if record["run_id"] == summary["run_id"]]
    if of_run:
        figures["steps of a class, s"] = statistics.median(record["seconds"] for record in of_run)
        rest = [record["process_seconds"] - record["seconds"] for record in of_run]
        figures["rest of its training, s"] = statistics.median(rest)
    return figures


class Watch(common.Watcher):
    """Processor seconds of a process with all its children, read by a thread, and when it said what."""

    def __init__(self, pid: int, messages: Path) -> None:
        self.first_line = self.begun = 0.0
        """Seconds until it said anything, and until its run began."""
        self._process, self._messages, self._began = psutil.Process(pid), messages, time.monotonic()
        self._used: dict[tuple[int, float], tuple[str, float]] = {}
        self._timeline = [(0.0, 0.0)]
        super().__init__(SAMPLE_SECONDS)

    def used_until(self, seconds: float) -> float:
        """Processor seconds of all processes, until so many seconds after the start."""
        return float(np.interp(seconds, *np.transpose(self._timeline)))

    @property
    def by_kind(self) -> Figures:
        """Processor seconds by kind of process."""
        found: Figures = defaultdict(float)
        for kind, used in self._used.values():
            found[kind] += used
        return found

    @property
    def num_workers(self) -> int:
        return sum(kind == "workers" for kind, _ in self._used.values())

    def look(self) -> None:
        try:
            processes = [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return
        for process in processes:
            try:
                times = process.cpu_times()
                self._used[process.pid, process.create_time()] = (self._kind(process), times.user + times.system)
            except psutil.Error:
                continue
        at = time.monotonic() - self._began
        self._timeline.append((at, sum(used for _, used in self._used.values())))
        said = self._messages.read_bytes()
        self.first_line = self.first_line or (at if said else 0.0)
        self.begun = self.begun or (at if b"Starting run" in said else 0.0)

    def _kind(self, process: psutil.Process) -> str:
        if not (command := " ".join(process.cmdline())):  # it is ending
            raise psutil.NoSuchProcess(process.pid)
        if process.pid == self._process.pid:
            return "dcgan itself"
        if "uvicorn" in command:
            return "Prefect's server"
        return "workers" if "dcgan.pipeline.worker" in command else "other processes"


if __name__ == "__main__":
    main()
