"""The pieces of one run in storage, each an archive with a small record that names it.

An archive is written under a new name before the record that names it. So a reader finds the old content or the new,
never half of one, even in a store that cannot rename.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from dcgan.errors import StorageError
from dcgan.files import storage, transfers, urls
from dcgan.pipeline.pieces import files_of, paths
from dcgan.run.paths import Run
from dcgan.run.records import Record

TRIES = 5  # to read a piece that is being replaced


class Piece(Record):
    """What the store has of a piece."""

    archive: str
    """Its name, below the run's folder in the store."""
    sha256: str
    """Of the archive."""
    whole: bool
    """Whether its stage had finished writing it."""


class Store:
    """The pieces of one run."""

    def __init__(self, url: str) -> None:
        """Open the store.

        Args:
            url: of the run.

        Raises:
            ConfigError: of no known kind, or a package for that kind is missing.
        """
        self.url = url
        self._system, self._root = urls.open_url(url)
        self._problem = f"cannot share the run by {url}"

    def record(self, piece: str) -> Piece | None:
        """What the store has of a piece; None if nothing.

        Raises:
            StorageError: the store cannot be reached, or its record is damaged.
        """
        try:
            content = transfers.patiently(lambda: self._system.cat_file(f"{self._root}/{piece}.json"), self._problem)
        except FileNotFoundError:
            return None
        try:
            return Piece.model_validate_json(content)
        except ValidationError as error:
            raise StorageError(f"{self.url}/{piece}.json is damaged: {error}. Remove it, and run again.") from error

    def names(self, pattern: str) -> list[str]:
        """The pieces that `<folder>/*` stands for, complete or not."""
        folder = pattern.removesuffix("/*")
        self._system.invalidate_cache()
        listing = transfers.patiently(lambda: self._system.find(f"{self._root}/{folder}"), self._problem)
        records = sorted(PurePosixPath(path).name for path in listing if str(path).endswith(".json"))
        return [f"{folder}/{name.removesuffix('.json')}" for name in records]

    def push(self, run: Run, piece: str, *, whole: bool) -> None:
        """Push a piece of a run's folder, unless it is incomplete and the store has a complete one.

        Raises:
            FileNotFoundError: a file disappeared meanwhile.
            StorageError: the store refuses.
        """
        before = self.record(piece)
        files = list(files_of(run, piece))
        if not files or (before and before.whole and not whole):
            return
        with tempfile.TemporaryDirectory(prefix=storage.TEMPORARY_PREFIX, dir=run.root) as folder:
            archive = Path(folder, "archive.tar")
            with tarfile.open(archive, "w") as tar:
                for file in files:
                    tar.add(file, file.relative_to(run.root).as_posix(), filter=_plain)
            digest = storage.sha256(archive)
            name = f"{piece}.{digest[:16]}.tar"
            record = Piece(archive=name, sha256=digest, whole=whole)
            if before == record:
                return
            self._write(name, lambda target: self._system.put_file(str(archive), target))
        self._write(f"{piece}.json", lambda target: self._system.pipe_file(target, record.model_dump_json().encode()))
        if before and before.archive != name:
            transfers.remove(lambda: self._system.rm_file(f"{self._root}/{before.archive}"), self._problem)

    def fetch(self, run: Run, piece: str, *, only_whole: bool = False) -> None:
        """Fetch a piece into a run's folder, if the store has it.

        Args:
            run: to fetch it for.
            piece: its name.
            only_whole: skip an incomplete one.

        Raises:
            StorageError: the store cannot be reached, or what it has is damaged.
        """
        self._fetch(run, [(piece, only_whole)])

    def fetch_all(self, run: Run, patterns: Iterable[str]) -> None:
        """Fetch pieces, several at a time; for `*`, the complete ones."""
        wanted = [
            (piece, pattern.endswith("/*"))
            for pattern in patterns
            for piece in (self.names(pattern) if pattern.endswith("/*") else [pattern])
        ]
        self._fetch(run, wanted)

    def _fetch(self, run: Run, wanted: Sequence[tuple[str, bool]]) -> None:
        """Fetch pieces, each of them, or if so wanted only when it is complete."""
        with (
            tempfile.TemporaryDirectory(prefix=storage.TEMPORARY_PREFIX, dir=run.root) as folder,
            ThreadPoolExecutor(transfers.NUM_THREADS) as pool,
        ):
            futures = [
                pool.submit(self._unpack_newest, Path(folder, str(number)), piece, only_whole)
                for number, (piece, only_whole) in enumerate(wanted)
            ]
            found = [(path, run.root / place) for future in futures for path, place in future.result().items()]
            # One after the other, the outermost first: a piece may lie in a folder that is another one.
            for path, place in sorted(found, key=lambda item: len(item[1].parts)):
                _replace(path, place)

    def _unpack_newest(self, folder: Path, piece: str, only_whole: bool) -> dict[Path, Path]:
        """Unpack a piece as the store has it: its files and folders, with their places in a run's folder."""
        for _ in range(TRIES):
            record = self.record(piece)
            if record is None or (only_whole and not record.whole):
                return {}
            with contextlib.suppress(FileNotFoundError):  # it was replaced meanwhile
                return self._unpack(folder, piece, record)
        raise StorageError(f"{self.url}/{piece}.json names an archive that is not there. Remove it, and run again.")

    def _unpack(self, folder: Path, piece: str, record: Piece) -> dict[Path, Path]:
        archive, unpacked = folder / "archive.tar", folder / "files"
        folder.mkdir(exist_ok=True)
        transfers.patiently(
            lambda: self._system.get_file(f"{self._root}/{record.archive}", str(archive)), self._problem
        )
        if storage.sha256(archive) != record.sha256:
            raise StorageError(
                f"{self.url}/{record.archive} is damaged: its SHA-256 is not the one in {piece}.json. "
                "Remove both, and run the job again."
            )
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
        return {path: path.relative_to(unpacked) for path in paths(unpacked, piece)}

    def _write(self, name: str, act: Callable[[str], Any]) -> None:
        target = f"{self._root}/{name}"

        def with_folder() -> None:
            # Object stores need no folders; other file systems do.
            self._system.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
            act(target)

        transfers.patiently(with_folder, self._problem)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Drop times and owners, so that the same files give the same archive."""
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname, entry.mode = 0, 0, 0, "", "", 0o644
    return entry


def _replace(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    os.replace(source, target)
