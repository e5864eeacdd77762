"""What the benchmarks share: tables, and figures as JSON with machine, date and versions.

Imports the standard library alone, so that it also works in the environment that the peers are installed in.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, padded so that it also reads well in a terminal; all columns but the first to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    rule = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    padded = (
        [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in [lines[0], rule, *lines[1:]]
    )
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Python's version, and those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


class Watcher:
    """Looks at something every so many seconds, in a thread, until `stop`. What it looks at must be set up before."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._ended = seconds, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def look(self) -> None:
        raise NotImplementedError

    def _watch(self) -> None:
        while not self._ended.wait(self._seconds):
            self.look()


def machine() -> dict[str, Any]:
    """What the figures were measured on; memory in GiB. `load` is the machine's one-minute load average now."""
    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
    }


def write_json(path: Path, benchmark: str, content: Mapping[str, Any]) -> None:
    """Write a benchmark's figures, with its name and today's date."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = {"benchmark": benchmark, "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    path.write_text(json.dumps(head | dict(content), indent=1) + "\n", encoding="utf-8")
