"""Locks between processes. The system lets go of them when a process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from dcgan.errors import BusyError, StorageError
from dcgan.execution import interruption

LOOK_SECONDS = 0.2  # between two looks at whether a lock is free


@contextlib.contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a job's lock.

    Raises:
        BusyError: another process holds it; the message names that process.
        StorageError: the system refuses to make the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path, on_acquired=_sign).acquire(blocking=False)
    except Timeout as error:
        raise BusyError(
            f"this job is being run by another process (pid {_holder(path)}; lock {path}). "
            "Wait until it ends; two runs of one job never mix."
        ) from error
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}. Set outputs.root to a folder that can be written."
        ) from error
    with held:
        yield


@contextlib.contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Hold a lock, once no other process does.

    Raises:
        Interrupted: the run was stopped.
        OSError: the system refuses to make the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(path, poll_interval=LOOK_SECONDS).acquire(cancel_check=interruption.is_requested)
    except Timeout as error:
        raise interruption.stopped("the wait for another process that fetches the same") from error
    with held:
        yield


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "unknown"
    except OSError:
        return "unknown"


def _sign(descriptor: int) -> None:
    """Write into a lock's file which process holds it."""
    with contextlib.suppress(OSError):  # on a full disk: the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
