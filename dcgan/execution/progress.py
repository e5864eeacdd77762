"""What long work says while it runs: small records, the same in a worker process, a terminal and a log file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict


class Progress(TypedDict, total=False):
    """One report of a stage at work."""

    stage: str  # "base", "training", "generation", ...
    label: str  # class name; "" when the stage is not about one class
    done: int
    total: int
    unit: str  # what done and total count
    rate: float  # images per second
    d_loss: float
    g_loss: float
    seconds_left: float
    detail: str


OnProgress = Callable[[Progress], None]
OnFiles = Callable[[int, int], None]  # files done, files in all


def no_report(done: int, total: int) -> None:
    """For work on files that nobody watches."""


def part_of(on_progress: OnProgress, before: int, total: int) -> OnProgress:
    """Passes on the progress of one piece of work as that of a whole, of which `before` is done when it begins."""
    return lambda progress: on_progress(progress | {"done": before + progress["done"], "total": total})
