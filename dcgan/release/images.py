"""The images of a release one by one, whichever form it holds them in."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

import numpy as np
from PIL import Image

from dcgan.errors import ReleaseError
from dcgan.release import shards
from dcgan.release.folder import Folder
from dcgan.release.formats import IN_SHARD

MAX_SHARD_BYTES = 2**50  # whatever a disk holds: of a shard, only an image is read at a time
NUM_THREADS, SMALL = 4, 64 * 64  # threads, for images of more pixels than these
MAX_TEXT_BYTES = 2**16  # of a PNG's text chunks, and of what a record says beside its PNG

_HEADER = struct.Struct(
    ">8sI4sIIBB"
)  # signature; length and type of the first chunk; width, height, depth, colour type
_COLOR_TYPES, _MODES = {1: 0, 3: 2}, {1: "L", 3: "RGB"}  # by channels

# The manifest's columns that a TFRecord's records have, as features.
_COLUMNS = {
    "label": "image/class/text",
    "class_index": "image/class/label",
    "height": "image/height",
    "width": "image/width",
    "channels": "image/channels",
}

Said = dict[str, int | str]
"""What a shard says of an image, by the manifest's columns."""


class Images:
    """A release's images by the manifest's paths. Several threads may use it."""

    def __init__(self, folder: Folder, image_shape: tuple[int, int, int]) -> None:
        """Read nothing yet.

        Args:
            folder: of the release.
            image_shape: (H, W, C) of every image.
        """
        self._folder = folder
        self._image_shape = image_shape
        self._indices: dict[str, dict[str, shards.Place]] = {}

    @property
    def max_bytes(self) -> int:
        """The most that a PNG file of such an image can hold."""
        height, width, channels = self._image_shape
        return 2 * height * (width * channels + 1) + MAX_TEXT_BYTES

    @property
    def num_threads(self) -> int:
        """The threads that read them fastest.

        Python's lock is let go of while pixels are decoded and hashed. Of small images that is so little that several
        threads would only wait for each other: one is twice as fast.
        """
        height, width, _ = self._image_shape
        return 1 if height * width <= SMALL else NUM_THREADS

    def pngs(self, paths: Iterable[str]) -> Iterator[bytes]:
        """PNG files' contents, as they were released.

        Raises:
            ReleaseError: an image cannot be read.
        """
        return (png for png, _ in self.described(paths))

    def arrays(self, paths: Sequence[str]) -> Iterator[np.ndarray]:
        """The same as arrays uint8 (H, W, C).

        Raises:
            ReleaseError: an image cannot be read, or is not of the release's size.
        """
        for path, png in zip(paths, self.pngs(paths), strict=True):
            try:
                array = decode(png, self._image_shape)
            except Exception as error:  # Pillow raises a dozen kinds, by which part of a PNG is broken
                raise self._error(path, error) from error
            yield array

    def described(self, paths: Iterable[str]) -> Iterator[tuple[bytes, Said]]:
        """PNG files' contents, and what shards say of each; nothing of an image that is a file of its own.

        Raises:
            ReleaseError: an image cannot be read.
        """
        for path in paths:
            try:
                described = self._described(path)
            except Exception as error:  # tarfile, too, raises more kinds than it tells
                raise self._error(path, error) from error
            yield described

    def names_in(self, shard: str) -> list[str]:
        """What a shard holds, in its order: names of members, or numbers of records.

        Raises:
            ReleaseError: it cannot be read.
        """
        try:
            return list(self._index(shard))
        except Exception as error:
            raise self._error(shard, error) from error

    def _described(self, path: str) -> tuple[bytes, Said]:
        shard, in_shard, name = path.partition(IN_SHARD)
        if not in_shard:
            return self._folder.read(path, self.max_bytes), {}
        place = self._index(shard)[name]
        with self._folder.open(shard, MAX_SHARD_BYTES) as file:
            if shard.endswith(".tar"):
                class_index = _content(file, self._index(shard)[f"{name.removesuffix('.png')}.cls"])
                return _content(file, place), {"class_index": int(class_index)}
            return _png_of_example(_content(file, place))

    def _index(self, shard: str) -> dict[str, shards.Place]:
        if shard not in self._indices:
            with self._folder.open(shard, MAX_SHARD_BYTES) as file:
                if shard.endswith(".tar"):
                    places = list(shards.tar_index(file, self.max_bytes))
                else:
                    found = shards.tfrecord_index(file, self.max_bytes + MAX_TEXT_BYTES)
                    places = [(str(number), place) for number, place in enumerate(found)]
            index = dict(places)
            if len(index) < len(places):
                raise ValueError("two images in it have the same name")
            self._indices[shard] = index
        return self._indices[shard]

    def _error(self, path: str, error: Exception) -> ReleaseError:
        return ReleaseError(f"{self._folder.path}: {path} cannot be read: {error!r}. `dcgan verify` tells more.")


def decode(png: bytes, image_shape: tuple[int, int, int]) -> np.ndarray:
    """A PNG's pixels, uint8 (H, W, C). Nothing but a PNG is decoded, and none of another size.

    Raises:
        ValueError: it is of another size or kind.
        Exception: Pillow's, where it is broken.
    """
    require_shape(png, image_shape)
    height, width, channels = image_shape
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        if image.size != (width, height) or image.mode != _MODES[channels]:  # by a second header, which is an attack
            raise ValueError(f"it has {image.size} px of mode {image.mode}, expected {(width, height)}")
        return np.asarray(image).reshape(image_shape)


def require_shape(png: bytes, image_shape: tuple[int, int, int]) -> None:
    """Look at a PNG's header, and decode nothing.

    Raises:
        ValueError: it is not a PNG of 8 bits that is so large.
    """
    height, width, channels = image_shape
    expected = _HEADER.pack(b"\x89PNG\r\n\x1a\n", 13, b"IHDR", width, height, 8, _COLOR_TYPES[channels])
    if not png.startswith(expected):
        raise ValueError(f"it is not a PNG of {width} x {height} px and {channels} channels of 8 bits")


def _content(file: BinaryIO, place: shards.Place) -> bytes:
    offset, size = place
    file.seek(offset)
    return file.read(size)


def _png_of_example(record: bytes) -> tuple[bytes, Said]:
    found = shards.features(record)
    png = found["image/encoded"]
    if not isinstance(png, bytes):
        raise ValueError("its image is not bytes")  # noqa: TRY004 (it is about the file)
    said: Said = {}
    for column, feature in _COLUMNS.items():
        value = found[feature]
        said[column] = value if isinstance(value, int) else value.decode()
    return png, said
