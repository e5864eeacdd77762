"""What the terminal shows of a run: live bars where there is a terminal, plain lines where there is none.

All of it goes to standard error; standard output is for `--json` and for what other programs read.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from dcgan.execution.progress import Progress as Report
from dcgan.execution.progress import reports

PLAIN_SECONDS = 10.0  # between two plain lines about the same piece of work

console = Console(stderr=True, highlight=False)


def counted(number: int, noun: str) -> str:
    """A count in words: `1 file`, `2,000 files`, `3 classes`."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def duration(seconds: float | None) -> str:
    """A time for people: `4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class Display:
    """Progress of all work of this process; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, float] = {}

    @contextmanager
    def live(self) -> Iterator[None]:
        """For the time of the block, show what the library logs and reports; in a terminal, progress as bars."""
        lines = _Lines(self)
        logger = logging.getLogger("dcgan")
        logger.addHandler(lines)
        logger.setLevel(logging.INFO)
        try:
            with reports.heard_by(self.update), self._bars_shown():
                yield
        finally:
            logger.removeHandler(lines)

    @contextmanager
    def _bars_shown(self) -> Iterator[None]:
        if not console.is_terminal:
            yield
            return
        columns = (
            TextColumn("{task.description}", justify="left"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.fields[unit]}"),
            TextColumn("{task.fields[detail]}", style="dim"),
        )
        with Progress(*columns, console=console, transient=True) as self._bars:
            yield
        self._bars = None
        self._tasks.clear()

    def say(self, text: str) -> None:
        """One line that stays."""
        console.print(text, markup=False, soft_wrap=True)

    def update(self, report: Report) -> None:
        """Take a report of work in progress."""
        name, unit, detail = _name(report), _unit(report), _detail(report)
        with self._lock:
            if self._bars is not None:
                if name not in self._tasks:
                    self._tasks[name] = self._bars.add_task(escape(name), total=report["total"], unit=unit, detail="")
                done = report["done"] >= report["total"]
                self._bars.update(self._tasks[name], completed=report["done"], detail=detail, visible=not done)
            elif time.monotonic() - self._told.get(name, 0) >= PLAIN_SECONDS:
                self._told[name] = time.monotonic()
                print(f"  {in_words(report)}", file=sys.stderr, flush=True)


class _Lines(logging.Handler):
    """Shows what the library logs, each record a line."""

    def __init__(self, shown_by: Display) -> None:
        super().__init__(logging.INFO)
        self._display = shown_by

    def emit(self, record: logging.LogRecord) -> None:
        warning = "Warning: " if record.levelno >= logging.WARNING else ""
        self._display.say(f"{warning}{record.getMessage()}")


UNITS = {"generation": "images", "generation in shards": "images", "catalogue": "files"}


def in_words(report: Report) -> str:
    """A report in one line: `training 3: 250 of 500 steps, loss D 0.61 G 0.74  0:20 left`."""
    told = f"{_name(report)}: {report['done']:,} of {report['total']:,} {_unit(report)}"
    return f"{told}, {detail}" if (detail := _detail(report)) else told


def _name(report: Report) -> str:
    return report["stage"] + (f" {report['label']}" if report.get("label") else "")


def _unit(report: Report) -> str:
    return report.get("unit") or UNITS.get(report["stage"], "steps")


def _detail(report: Report) -> str:
    parts = [f"{report['rate']:,.0f} images/s"] if report.get("rate") else []
    if "d_loss" in report:
        parts.append(f"loss D {report['d_loss']:.2f} G {report['g_loss']:.2f}")
    if "seconds_left" in report:
        minutes, seconds = divmod(round(report["seconds_left"]), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return "  ".join(parts)


display = Display()
"""This process's display."""
