"""What this process has used so far, of time for its present work and of memory."""

from __future__ import annotations

import resource
import time

import psutil


class _Work:
    """What this process is doing. The first piece of work begins with the process, imports included."""

    began = time.monotonic() - (time.time() - psutil.Process().create_time())  # whatever the clock does from now on


def begin_work() -> None:
    """From now on, this process is at another piece of work."""
    _Work.began = time.monotonic()


def seconds() -> float:
    """How long this process has been at its present work."""
    return time.monotonic() - _Work.began


def peak_memory_mb() -> int:
    """The most memory that this process has held, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
