"""What the commands print: live bars where there is a terminal, plain lines where there is none.

What is said while work is done goes to standard error; standard output is for results and for what other programs read.
Names of classes, files and releases may hold anything, also what a terminal takes for commands, so everything that is
printed passes through `plain`.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from dcgan.execution.progress import Progress as Report
from dcgan.execution.progress import reports

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.text import Text

PLAIN_SECONDS = 10.0  # between two plain lines about the same piece of work

# Control sequences (ECMA-48: CSI, and strings such as OSC up to their end), and single control characters but for tab
# and line feed.
_CONTROL = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[P\]X^_]|[\x90\x9d\x98\x9e\x9f])[^\x07\x1b\x9c\n]*"
                      r"(?:\x07|\x1b\\|\x9c)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # fmt: skip


def plain(text: str) -> str:
    """Text as a terminal may have it: without control sequences, and without halves of characters."""
    return _CONTROL.sub("", text).encode(errors="replace").decode()


def cell(value: object) -> Text:
    """Text for a table; a class named `[bold]` is no markup."""
    from rich.text import Text  # noqa: PLC0415 (in the extra `job`: who only reads releases need not have it)

    return Text(plain(str(value)))


def echo(text: str, *, err: bool = False) -> None:
    """Print a line of the result to standard output, or one about it to standard error."""
    click.echo(plain(text), err=err)


def echo_json(value: Any) -> None:
    """Print the result for programs: nothing of it is left out, and control characters are escaped as JSON has them."""
    text = json.dumps(value, ensure_ascii=False)
    click.echo(re.sub(r"[\x7f-\x9f\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text))


@functools.cache
def console() -> Console:
    """Standard error, for bars and tables."""
    from rich.console import Console  # noqa: PLC0415 (as above)

    return Console(stderr=True, highlight=False, emoji=False)


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
        with lines(), reports.heard_by(self.update), self._bars_shown():
            yield

    @contextmanager
    def _bars_shown(self) -> Iterator[None]:
        if importlib.util.find_spec("rich") is None or not console().is_terminal:
            yield
            return
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 (as above)

        columns = (
            TextColumn("{task.description}", justify="left", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.fields[unit]}", markup=False),
            TextColumn("{task.fields[detail]}", style="dim", markup=False),
        )
        try:
            with Progress(*columns, console=console(), transient=True) as self._bars:
                yield
        finally:
            self._bars = None
            self._tasks.clear()

    def say(self, text: str) -> None:
        """One line that stays."""
        if self._bars is None:
            print(plain(text), file=sys.stderr, flush=True)
        else:
            self._bars.console.print(plain(text), markup=False, soft_wrap=True)

    def update(self, report: Report) -> None:
        """Take a report of work in progress."""
        name, unit, detail = _name(report), _unit(report), _detail(report)
        with self._lock:
            if self._bars is not None:
                if name not in self._tasks:
                    self._tasks[name] = self._bars.add_task(plain(name), total=report["total"], unit=unit, detail="")
                done = report["done"] >= report["total"]
                self._bars.update(self._tasks[name], completed=report["done"], detail=detail, visible=not done)
            elif time.monotonic() - self._told.get(name, 0) >= PLAIN_SECONDS:
                self._told[name] = time.monotonic()
                print(f"  {plain(in_words(report))}", file=sys.stderr, flush=True)


class _Lines(logging.Handler):
    """Shows records as lines."""

    def emit(self, record: logging.LogRecord) -> None:
        warning = "Warning: " if record.levelno >= logging.WARNING else ""
        display.say(warning + self.format(record))


@contextmanager
def lines() -> Iterator[None]:
    """Show what the library logs, as lines, for the time of the block."""
    logger, handler = logging.getLogger("dcgan"), _Lines()
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False  # Prefect shows on the terminal what reaches the root
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before


UNITS = {"generation": "images", "generation in shards": "images"}


def in_words(report: Report) -> str:
    """A report in one line: `training 3: 250 of 500 steps, loss D 0.61 G 0.74  0:20 left`."""
    line = f"{_name(report)}: {report['done']:,} of {report['total']:,} {_unit(report)}"
    return f"{line}, {detail}" if (detail := _detail(report)) else line


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
