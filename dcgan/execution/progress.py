"""What long work says while it runs: small records, the same in a worker process, a terminal and a log file."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypedDict


class Progress(TypedDict, total=False):
    """One report of a stage at work."""

    stage: str  # its title: "shared base", "training", "generation", ...
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


def no_report(progress: Progress) -> None:
    """For work that nobody watches."""


def part_of(on_progress: OnProgress, before: int, total: int) -> OnProgress:
    """Passes on the progress of one piece of work as that of a whole, of which `before` is done when it begins."""
    return lambda progress: on_progress(progress | {"done": before + progress["done"], "total": total})


class Reports:
    """Where the progress of this process's work goes: to whoever listens, in the thread that reports it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: Counter[OnProgress] = Counter()

    @contextmanager
    def heard_by(self, listener: OnProgress) -> Iterator[None]:
        """Let someone listen for the time of the block. Who listens twice at a time hears each report once."""
        with self._lock:
            self._listeners[listener] += 1
        try:
            yield
        finally:
            with self._lock:
                self._listeners[listener] -= 1
                self._listeners += Counter()  # without those that are at 0

    def send(self, report: Progress) -> None:
        """Report progress."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(report)


reports = Reports()
"""This process's own."""
