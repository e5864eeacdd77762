"""Folders for what a process leaves in TMPDIR: libraries clean up when a process exits, and not when it is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "dcgan-child-"  # of these folders alone: what has this name is removed
LOCK = "lock"


class TemporaryFolder:
    """A folder that goes when `remove` is called, or, should this process be killed, by `remove_abandoned`."""

    def __init__(self) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._lock = _lock_of(self.path)
            with contextlib.suppress(Timeout, OSError):  # `remove_abandoned` was faster
                self._lock.acquire(blocking=False)
                return

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()


def remove_abandoned() -> None:
    """Remove the folders of processes that were killed. This user's own only: anybody can write to TMPDIR."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(Timeout, OSError):
            found = path.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
                with _lock_of(path):
                    shutil.rmtree(path, ignore_errors=True)


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder / LOCK, blocking=False, thread_local=False)
