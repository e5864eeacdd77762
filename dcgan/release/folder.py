"""A release's folder, as a stranger may have made it: only plain files are opened, and none outside of it."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import weakref
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Literal

from dcgan.release.holding import Hold

MAX_SHOWN = 80  # characters of a name in a message

Kind = Literal["file", "folder", "link", "special file"]


class Folder:
    """A folder that is held (see `Hold`), and what is beneath it.

    Names are relative POSIX paths. No link is followed, whatever it leads to, and only regular files are opened: a read
    from a pipe could wait for ever, and opening a device can set it going. Several threads may use a folder at once.
    """

    def __init__(self, path: Path) -> None:
        """Hold the folder.

        Raises:
            BlockingIOError: it is being removed.
            OSError: there is no such folder.
        """
        self.path = path
        self._hold = Hold(path)
        self._last = threading.local()

    def __reduce__(self) -> tuple[type[Folder], tuple[Path]]:
        return Folder, (self.path,)  # a process that a release is sent to holds it too

    def open(self, name: str, max_bytes: int) -> BufferedReader:
        """Open a file for reading.

        Args:
            name: of the file.
            max_bytes: the most that it may hold.

        Raises:
            FileNotFoundError: there is no such file.
            OSError: it is not a regular file, holds more than `max_bytes`, or cannot be read.
        """
        *folders, last = _parts(name)
        above = self._entered(folders).descriptor
        _require("file", last, above)
        descriptor = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=above)
        file = os.fdopen(descriptor, "rb")
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > max_bytes:
            file.close()
            raise OSError(f"it has {found.st_size:,} bytes, but at most {max_bytes:,} are expected")
        return file

    def read(self, name: str, max_bytes: int) -> bytes:
        """A file's content. Raises what `open` does."""
        with self.open(name, max_bytes) as file:
            return file.read(max_bytes)

    def sha256(self, name: str, max_bytes: int) -> str:
        """SHA-256 of a file, in hex. Raises what `open` does."""
        with self.open(name, max_bytes) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def entries(self, name: str = "") -> Iterator[tuple[str, Kind]]:
        """The names that are directly in a folder, unsorted, and what each is.

        Raises:
            OSError: there is no such folder, or it cannot be read.
        """
        folder = _Entered(self._hold.descriptor, _parts(name) if name else [])
        with os.scandir(folder.descriptor) as found:
            for entry in found:
                # By what the folder says: a million calls of `stat` would take a second.
                if entry.is_file(follow_symlinks=False):
                    yield entry.name, "file"
                elif entry.is_dir(follow_symlinks=False):
                    yield entry.name, "folder"
                else:
                    yield entry.name, "link" if entry.is_symlink() else "special file"

    def _entered(self, names: Sequence[str]) -> _Entered:
        """The folder that these names lead to. A thread goes on with its last one: files of one class come together."""
        last: _Entered | None = getattr(self._last, "entered", None)
        if last is None or last.names != names:
            last = self._last.entered = _Entered(self._hold.descriptor, names)
        return last


class _Entered:
    """A folder beneath another, open while this object is."""

    def __init__(self, above: int, names: Sequence[str]) -> None:
        """Open it.

        Args:
            above: descriptor of the other folder.
            names: of the folders on the way to it.
        """
        self.names = names
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=above)
        try:
            for name in names:
                _require("folder", name, descriptor)
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
        except BaseException:
            os.close(descriptor)
            raise
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)


def _parts(name: str) -> list[str]:
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise OSError(f"{name[:MAX_SHOWN]!r} does not lead to a file of the release")
    return parts


def _require(kind: Kind, name: str, folder: int) -> None:
    found = _kind(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    if found != kind:
        raise OSError(f"{name[:MAX_SHOWN]} is a {found}, expected a {kind}")


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "special file"
