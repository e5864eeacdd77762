"""The demo in figures: seconds of each stage, images/s, peak memory, and a classifier's accuracy without and with it.

  python benchmarks/demo.py [--out FOLDER] [--json FILE]

Runs the real `dcgan demo` with five classifier seeds, and then the example's own classifier five times on its release.
Memory is that of all the job's processes together (proportional set size, read ten times a second).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks import common

SEEDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="where the demo's outputs go (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    out = args.out or Path(tempfile.mkdtemp())

    # The demo, as a user runs it.
    command = [str(Path(sys.executable).with_name("dcgan")), "demo", "--out", str(out), "--json"]
    command += ["--set", f"gate.classifier_seeds={SEEDS}"]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        memory = Memory(process.pid)
        content, _ = process.communicate()
        wall = time.monotonic() - began
        peak_total, peak_single = memory.stop()
    summary = json.loads(content)

    classes = summary["classes"]
    trained = [entry["images_per_second"] for entry in classes.values() if entry["images_per_second"]]
    base = _records(out, "base")[0]
    generation = _records(out, "generation/*")
    accuracy = {arm: [100 * value for value in values] for arm, values in summary["balanced_accuracy"].items()}
    differences = [after - before for before, after in zip(accuracy["without"], accuracy["with"], strict=True)]
    rows = [(f"{stage}, seconds", f"{seconds:.1f}") for stage, seconds in summary["seconds"].items()]
    proof = summary["seconds"]["evaluation"] / sum(summary["seconds"].values())
    rows += [
        ("evaluation's share of these", f"{proof:.0%}"),
        ("whole process, seconds", f"{wall:.1f}"),
        ("shared base trained, images/s", f"{base['images_per_second']:,.0f}"),
        ("class trained, images/s, median of classes", f"{statistics.median(trained):,.0f}"),
        ("class generated and curated, images/s, median", f"{_median_rate(generation):,.0f}"),
        ("peak memory of all processes, MB", f"{peak_total / 1e6:,.0f}"),
        ("peak memory of the largest process, MB", f"{peak_single / 1e6:,.0f}"),
        ("gate's classifier, balanced accuracy without, %", _mean_sd(accuracy["without"])),
        ("gate's classifier, balanced accuracy with, %", _mean_sd(accuracy["with"])),
        ("paired difference, points", _mean_sd(differences)),
    ]
    print(common.table(("figure", "value"), rows))

    # The example's classifier on the same release.
    example = Path(__file__).parents[1] / "examples" / "train_classifier.py"
    command = [sys.executable, str(example), summary["release"], "--seeds", str(SEEDS)]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    print(f"\nexamples/train_classifier.py --seeds {SEEDS}:\n{told}")
    if args.json:
        figures = {"machine": common.machine(), "figures": dict(rows), "summary": summary, "example": told}
        common.write_json(args.json, "demo", figures)


class Memory:
    """Peak memory of a process with all its children, watched by a thread."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._peak_total = self._peak_single = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> tuple[int, int]:
        """Bytes at most: of all together, of the largest one."""
        self._ended.set()
        self._thread.join()
        return self._peak_total, self._peak_single

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            sizes = []
            try:
                for process in [self._process, *self._process.children(recursive=True)]:
                    sizes.append(process.memory_full_info().pss)  # noqa: PERF401 (any of them may end meanwhile)
            except psutil.Error:
                continue
            self._peak_total = max(self._peak_total, sum(sizes))
            self._peak_single = max(self._peak_single, *sizes)


def _records(out: Path, folder: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(out.glob(f"digits/runs/*/{folder}/record.json"))]


def _median_rate(records: list[dict[str, Any]]) -> float:
    return statistics.median(record["accepted"] / record["seconds"] for record in records if record["seconds"])


def _mean_sd(values: list[float]) -> str:
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


if __name__ == "__main__":
    main()
