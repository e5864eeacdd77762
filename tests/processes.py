"""Processes that tests start, and what the worker processes of a run are doing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from dcgan.execution.child import LAUNCHER


def ending_with_us(command: Sequence[str]) -> list[str]:
    """A command whose process the system ends with this one, also after a Ctrl-C that leaves nobody to end it."""
    return [*LAUNCHER, str(os.getpid()), *command] if sys.platform == "linux" else [*command]


def children_with(process: subprocess.Popen[Any], *words: str) -> list[psutil.Process]:
    """Processes below a run's whose command has all these words."""
    time.sleep(0.05)  # to look at all processes again and again would keep a core busy, which the run needs
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            command = " ".join(child.cmdline())
        except psutil.Error:
            continue
        if all(word in command for word in words):
            found.append(child)
    return found


def log_of(process: psutil.Process) -> str:
    """Name of the file that a process's messages go to: of a worker, that of its present work, or else of its last.

    "" for what is no worker, or has ended.
    """
    if "dcgan.pipeline.worker" not in " ".join(_command(process)):
        return ""
    try:
        return Path(f"/proc/{process.pid}/fd/2").readlink().name
    except OSError:
        return ""


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
