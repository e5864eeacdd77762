"""Locks between processes. The system lets go of them when a process ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from dcgan.errors import BusyError, StorageError
from dcgan.execution import interruption


@contextlib.contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold a job's lock.

    Raises:
        BusyError: when another process holds it; the message names that process.
        StorageError: when the system refuses to make the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}. Set outputs.root to a folder that can be written."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise BusyError(
                f"this job is being run by another process (pid {holder}; lock {path}). "
                "Wait until it ends; two runs of one job never mix."
            ) from error
        file.truncate(0)
        with contextlib.suppress(OSError):  # on a full disk: the lock holds all the same
            os.write(file.fileno(), f"{os.getpid()}\n".encode())
        yield


@contextlib.contextmanager
def waiting_lock(file: Path) -> Iterator[None]:
    """Hold a lock, once no other process does.

    Raises:
        Interrupted: the run was stopped.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as held:
        while True:
            interruption.raise_if_requested("the wait for another process that fetches the same")
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.2)
        yield
