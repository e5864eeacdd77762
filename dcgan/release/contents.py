"""What a release holds: its record, its manifest and its images. Readers and `verify` have this in common."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa

from dcgan.errors import ReleaseError
from dcgan.execution.progress import OnProgress, no_report
from dcgan.files.names import escape
from dcgan.release import formats, rows
from dcgan.release.folder import Folder
from dcgan.release.images import MAX_SHARD_BYTES, Images
from dcgan.release.record import MANIFEST, RECORD, read_record
from dcgan.release.remote import locate

NUM_TRIES = 10  # to open what `latest` names, which a newer release can replace meanwhile
FREE_ROWS = 10_000  # of a manifest, that take little room even if there are no images of them
MIN_IMAGE_BYTES = 256  # on the disk: a PNG's marks alone are more

R = TypeVar("R", bound="Contents")


class Contents:
    """A release's record, manifest and images, each checked when it is first asked for; the folder is held."""

    def __init__(self, path: Path) -> None:
        """Read the record.

        Raises:
            BlockingIOError: the release is being removed.
            OSError: there is no such folder, or no record in it.
            ValueError: the record is not a release's.
        """
        self.folder = Folder(path)
        self.record = read_record(self.folder)

    @property
    def path(self) -> Path:
        """The release's folder."""
        return self.folder.path

    @property
    def class_names(self) -> list[str]:
        """All classes of the job, sorted; a label is an index into this list."""
        return list(self.record.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of all its images."""
        return self.record.image_shape

    @property
    def num_images(self) -> int:
        """How many images it has."""
        return sum(entry.released for entry in self.record.classes.values())

    @functools.cached_property
    def images(self) -> Images:
        """Its images one by one, by the manifest's paths."""
        return Images(self.folder, self.image_shape)

    @functools.cached_property
    def manifest(self) -> pd.DataFrame:
        """One row per image.

        Raises:
            ReleaseError: it cannot be read, or is not what the record and the format prescribe.
        """
        try:
            self._require_room()
            with self.folder.open(MANIFEST, rows.max_bytes(self.record)) as file:
                return rows.read_manifest(file, self.record)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise ReleaseError(f"{self.path / MANIFEST} is not a release's manifest: {error}") from error

    def _require_room(self) -> None:
        """Refuse a manifest of far more images than the folder can hold, before it is read.

        Raises:
            ValueError: it has more.
        """
        if self.num_images <= FREE_ROWS:
            return
        shards = formats.shards_among(self.record.files)
        if shards:
            room = sum(self._bytes_on_disk(shard) for shard in shards) // MIN_IMAGE_BYTES
        else:
            folders = (f"images/{escape(label)}" for label, entry in self.record.classes.items() if entry.released)
            found = itertools.chain.from_iterable(self.folder.entries(name) for name in folders)
            room = sum(1 for _ in itertools.islice(found, self.num_images))
        if 2 * room < self.num_images:
            raise ValueError(f"{RECORD} promises {self.num_images:,} images, and there is room for {room:,} in it")

    def _bytes_on_disk(self, name: str) -> int:
        with self.folder.open(name, MAX_SHARD_BYTES) as file:
            found = os.fstat(file.fileno())
        return min(found.st_size, found.st_blocks * 512)  # fewer than it says, where it has holes


def open_release(
    path: str | Path, kind: Callable[[Path], R], on_progress: OnProgress = no_report, *, anew: bool = False
) -> R:
    """Open a release where it is now.

    Args:
        path: folder of a release, or a job's `latest`, also as a URL, of which a local copy is then read.
        kind: what to open it as.
        on_progress: called with files fetched.
        anew: fetch what a URL names again, even if there is a copy.

    Raises:
        ReleaseError: it is no release.
    """
    folder = locate(path, on_progress, anew=anew)
    for _ in range(NUM_TRIES):
        try:
            return kind(folder)
        except BlockingIOError as error:
            problem = f"{path} is being removed: it is older than the releases that outputs.keep keeps"
            raise ReleaseError(problem) from error
        except ValueError as error:
            raise ReleaseError(f"{path} is not a release: its {RECORD} is not what a release's is: {error}") from error
        except OSError as error:
            before, folder = folder, locate(path, on_progress)
            if folder == before:
                raise ReleaseError(
                    f"{path} is not a release: a release's folder has a {RECORD}, such as outputs/<job>/latest "
                    f"({error})"
                ) from error
    raise ReleaseError(f"{path} named {NUM_TRIES} releases in turn, and each was gone when it was opened")
