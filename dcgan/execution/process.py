"""What this process has used so far."""

from __future__ import annotations

import resource
import time

import psutil


def seconds() -> float:
    """How long this process has lived, imports included."""
    return time.time() - psutil.Process().create_time()


def peak_memory_mb() -> int:
    """The most memory that this process has held, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
