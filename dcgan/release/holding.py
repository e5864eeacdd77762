"""Holding a release while it is read: what a process holds is not removed.

The system lets go of a lock when the process ends, however it ends. Any program can hold a release, such as by
`flock --shared <release> <command>`. By `flock` itself, and not by `filelock` as other locks: that locks files of its
own, and nothing may be written into a release; and many processes hold one release at a time.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import weakref
from pathlib import Path

from dcgan.files import storage


class Hold:
    """A shared lock on a folder, until nothing refers to this object any more.

    Where the file system knows no locks, there is none, and nothing is held.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            BlockingIOError: the folder is being removed.
            OSError: there is no such folder.
        """
        self.descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        """Of the folder, open while this object is."""
        weakref.finalize(self, os.close, self.descriptor)
        _lock(self.descriptor, fcntl.LOCK_SH)


def remove_unless_held(folder: Path) -> bool:
    """Remove a folder that nobody holds; its name is gone at once, with all of it.

    Returns:
        Whether it was removed.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, fcntl.LOCK_EX)
        doomed = folder.with_name(f"{storage.TEMPORARY_PREFIX}{os.getpid()}-{folder.name}")
        os.replace(folder, doomed)
        shutil.rmtree(doomed)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _lock(descriptor: int, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks
        return
