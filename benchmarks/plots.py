"""The pictures of docs/explanation/speed.md, from the figures of other benchmarks.

  python -m benchmarks.plots --training FILE --job FILE --out FILE

FILEs are what `training.py` and `job.py` (its cases `classes-N`, with `--before`) write with `--json`.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS, OTHERS, LIMIT = "#1f6feb", "#8c959f", "#cf222e"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--training", type=Path, required=True)
    parser.add_argument("--job", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    figure = Figure(figsize=(7, 6), layout="constrained")
    speed, growth = figure.subplots(2, 1, height_ratios=(1.3, 1))
    draw_speed(speed, json.loads(args.training.read_text(encoding="utf-8")))
    draw_growth(growth, json.loads(args.job.read_text(encoding="utf-8"))["results"])
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(args.out, dpi=110)


def draw_speed(axes: Axes, found: dict[str, Any]) -> None:
    """Images a second of each contestant in float32, and the limit that a matrix product sets."""
    rows = [row for row in found["rows"] if row["precision"] == "float32" and row["share_of_limit_median"]]
    rows.sort(key=lambda row: row["images_per_second_median"])
    rates = [row["images_per_second_median"] for row in rows]
    colours = [OURS if "ours" in row["contestant"].lower() else OTHERS for row in rows]
    axes.barh([row["contestant"] for row in rows], rates, color=colours)
    limit = statistics.median(row["images_per_second_median"] / row["share_of_limit_median"] for row in rows)
    axes.axvline(limit, color=LIMIT, linestyle="--")
    axes.annotate("matrix product", (limit, 0), color=LIMIT, rotation=90, va="bottom", ha="right")
    axes.set_xlabel("training, images/s (64 x 64 x 3, float32, two cores)")


def draw_growth(axes: Axes, results: dict[str, dict[str, list[dict[str, float]]]]) -> None:
    """Seconds from start to verdict, by number of classes."""
    counts = sorted(int(match[1]) for case in results if (match := re.fullmatch(r"classes-(\d+)", case)))
    for name, colour in (("before", OTHERS), ("now", OURS)):
        seconds = [
            statistics.median(one["start to end, s"] for one in results[f"classes-{count}"][name]) for count in counts
        ]
        axes.plot(counts, seconds, "o-", color=colour, label=name)
    axes.set_xticks(counts)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.set_xlabel("classes (28 x 28, 200 steps each)")
    axes.set_ylabel("start to verdict, s")


if __name__ == "__main__":
    main()
