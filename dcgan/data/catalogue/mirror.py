"""A local copy of a source that a URL names: what has changed there is fetched, the rest is not fetched again.

<cache>/dcgan/<hash of the URL>/
├── lock
├── index.json         what the store says of each file that was fetched
├── part/              files on their way
└── files/             the source

The copy is shared by all jobs of this user that read the same URL, and can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dcgan.errors import InputError, StorageError
from dcgan.execution.progress import OnProgress
from dcgan.files import locks, storage, transfers, urls
from dcgan.text import counted

# What a store says of a file's content, by the names that fsspec's file systems give it.
SIGNS = ("ETag", "etag", "md5Hash", "content_md5", "size", "LastModified", "last_modified", "updated", "mtime")
SAVE_SECONDS = 10.0  # between two savings of the index: at most so much is fetched again after a kill
MAX_PART_BYTES = 255  # of a part of a path, on Linux

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Copy:
    """The local copy of a source."""

    path: Path
    """Of what the URL names: a folder or a file."""
    left_out: list[str]
    """Names that no file can have here, such as `a/../b`, sorted."""


def update(
    key: str, url: str, names_in: Callable[[Path], Iterable[str]], on_progress: OnProgress, *, anew: bool = False
) -> Copy:
    """Bring the local copy of a source up to date.

    Args:
        key: of the job file, which names it: `data.source`.
        url: of a folder or a file.
        names_in: of a fetched file, the files beside and below it that belong to it: those that a table lists, with
            or without their endings.
        on_progress: called with files fetched.
        anew: fetch everything, also what seems unchanged.

    Raises:
        InputError: there is nothing at the URL.
        StorageError: it cannot be reached, or the copy cannot be written.
        Interrupted: the run was stopped.
    """
    system, remote = urls.open_url(url)
    folder = urls.cache_folder(url)
    try:
        with locks.waiting_lock(folder / "lock"):
            info = transfers.patiently(lambda: system.info(remote), f"cannot look at {key} {url}")
            if info["type"] != "file":
                mirror = _Mirror(system, remote, key, url, folder, on_progress, anew)
                return Copy(mirror.files, mirror.bring(mirror.find()))
            above, name = PurePosixPath(remote).parent.as_posix(), PurePosixPath(remote).name
            mirror = _Mirror(system, above, key, url, folder, on_progress, anew)
            found = {name: info}
            mirror.bring(found, others_go=False)
            wanted = set(filter(can_stand, names_in(mirror.files / name)))
            if wanted:
                within = os.path.commonpath([os.path.dirname(one) for one in wanted])  # noqa: PTH120 (of a store)
                listed = mirror.find(within)
                found |= {one: info for one, info in listed.items() if wanted & {one, one.rpartition(".")[0]}}
            return Copy(mirror.files / name, mirror.bring(found))
    except FileNotFoundError as error:
        raise InputError(f"{key} {url} does not exist") from error
    except OSError as error:
        raise StorageError(f"cannot write {folder}, the copy of {key}: {error.strerror or error}") from error


class _Mirror:
    """One folder of a store, and its copy."""

    def __init__(
        self, system: Any, remote: str, key: str, url: str, folder: Path, on_progress: OnProgress, anew: bool
    ) -> None:
        self.files, self._index_file, self._part = folder / "files", folder / "index.json", folder / "part"
        self._system, self._remote, self._key, self._url, self._anew = system, remote, key, url, anew
        self._on_progress = on_progress
        shutil.rmtree(self._part, ignore_errors=True)
        self._part.mkdir(parents=True)
        self.files.mkdir(exist_ok=True)
        self._signs: dict[str, str] = {}
        with contextlib.suppress(StorageError):  # there is none yet, or it is damaged: then all is fetched
            known = storage.read_json(self._index_file)
            self._signs = known["files"] if isinstance(known, dict) and known.get("url") == url else {}

    def find(self, within: str = "") -> dict[str, urls.Info]:
        """Of each file below, by its name, what the store says of it."""
        top = f"{self._remote}/{within}".rstrip("/")
        listing = transfers.patiently(
            lambda: self._system.find(top, detail=True), f"cannot list {self._key} {self._url}"
        )
        names = ((str(path)[len(self._remote) :].removeprefix("/"), info) for path, info in listing.items())
        # A name with a slash at its end is what some stores show for an empty folder.
        return {name: info for name, info in names if name and not name.endswith("/")}

    def bring(self, found: Mapping[str, urls.Info], *, others_go: bool = True) -> list[str]:
        """Make the copy hold these files; give those that it cannot hold."""
        folders = {folder for name in found for folder in _folders_of(name)}
        signs = {name: _sign(info) for name, info in found.items() if can_stand(name) and name not in folders}
        if others_go:
            self._remove(self._signs.keys() - signs.keys())
        to_fetch = [name for name, sign in signs.items() if not self._is_there(name, sign, found[name].get("size"))]
        if to_fetch:
            log.info("Fetching %s of %s from %s", counted(len(to_fetch), "file"), f"{len(found):,}", self._url)
        saved = time.monotonic()
        with ThreadPoolExecutor(transfers.NUM_THREADS) as pool:
            futures = {pool.submit(self._fetch, name): name for name in to_fetch}
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    if future.result():
                        self._signs[futures[future]] = signs[futures[future]]
                    if time.monotonic() - saved > SAVE_SECONDS:
                        self._save()
                        saved = time.monotonic()
                    self._on_progress({"stage": "fetch", "done": done, "total": len(to_fetch), "unit": "files"})
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                self._save()
        self._anew = False
        return sorted(found.keys() - signs.keys())

    def _is_there(self, name: str, sign: str, size: int | None) -> bool:
        if self._anew or self._signs.get(name) != sign:
            return False
        try:
            found = (self.files / name).stat().st_size
        except OSError:
            return False
        return size is None or found == size  # after a power cut a file can be shorter than the index says

    def _fetch(self, name: str) -> bool:
        """Fetch one file; False when it is gone since it was listed."""
        part, target = self._part / str(threading.get_ident()), self.files / name
        problem = f"cannot read {self._url}: {name}"
        try:
            transfers.patiently(lambda: self._system.get_file(f"{self._remote}/{name}", str(part)), problem)
        except FileNotFoundError:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, target)
        return True

    def _remove(self, names: Iterable[str]) -> None:
        """Let go of files that are no longer in the source, and of folders that are empty then: they are no classes."""
        for name in list(names):
            del self._signs[name]
            (self.files / name).unlink(missing_ok=True)
            for folder in (self.files / name).parents:
                if folder == self.files or any(folder.iterdir()):
                    break
                folder.rmdir()
        self._save()

    def _save(self) -> None:
        storage.write_json(self._index_file, {"url": self._url, "files": self._signs})


def can_stand(name: str) -> bool:
    """Whether a file can have this name here, below the copy's folder."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") or "\0" in part or len(os.fsencode(part)) > MAX_PART_BYTES for part in parts)


def _folders_of(name: str) -> Iterator[str]:
    """The folders that a file is in: a store can have both `a` and `a/b`, and then `a` is a folder here."""
    while name := name.rpartition("/")[0]:
        yield name


def _sign(info: urls.Info) -> str:
    return " ".join(f"{key}={info[key]}" for key in SIGNS if info.get(key) is not None)
