"""The forms that a release's images come in, and one way to read them all.

| `outputs.format` | where an image is | the manifest's `path` |
| --- | --- | --- |
| `files` | a PNG file of its own | `images/<class>/<image id>.png` |
| `tfrecord` | in a record, a `tf.train.Example` | `shards/<job>-<run id>-00000.tfrecord#<number of the record>` |
| `webdataset` | in a tar file, beside its class as text | `shards/<job>-<run id>-00000.tar#<image id>.png` |

Images are dealt to the shards in turn, so that each shard holds its share of every class and a reader of shards needs
only a small buffer to mix them.
"""

from __future__ import annotations

import io
import itertools
import struct
import tarfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.errors import ReleaseError
from dcgan.execution.determinism import load_tensorflow
from dcgan.files import pictures
from dcgan.files.names import escape

Row = Mapping[Hashable, Any]
"""Of the manifest, by column."""
Write = Callable[[Row, bytes], str]
"""Takes a row without its path and its PNG, and gives the path."""
Index = dict[str, tuple[int, int]]
"""Where in a shard each image is: offset and length of its member or record, by what the path names."""

PER_SHARD = 10_000  # images, at most, while there are fewer than MAX_SHARDS: some 10 MB of digits, 100 MB at 64 x 64 px
MAX_SHARDS = 500  # written at once; systems allow a process some 1,000 open files
IN_SHARD = "#"  # parts a shard from what is in it; `escape` leaves none in a name
HAS_LENGTH = 2  # the wire type of texts, bytes and messages in Protocol Buffers
NUM_TOGETHER = 256  # files read by one thread before it comes back for more


def image_path(label: str, image_id: str) -> str:
    """Where an image stands in a release of the format `files`."""
    return f"images/{escape(label)}/{image_id}.png"


def writer(kind: str, folder: Path, name: str, num_images: int) -> AbstractContextManager[Write]:
    """How to put images into a release.

    Args:
        kind: `outputs.format`.
        folder: of the release.
        name: of the release, unlike any other's: libraries keep what they read of shards by the shards' names.
        num_images: that will be written.

    Raises:
        OSError: as the block writes or ends, when the system refuses.
    """
    return {"files": _write_files, "tfrecord": _write_tfrecord, "webdataset": _write_webdataset}[kind](
        folder, name, num_images
    )


def batches(paths: Sequence[str]) -> list[list[int]]:
    """Positions of images that are best read together: those of one shard, or some files."""
    together: dict[str, list[int]] = {}
    for position, path in enumerate(paths):
        shard, mark, _ = path.partition(IN_SHARD)
        together.setdefault(shard if mark else str(position // NUM_TOGETHER), []).append(position)
    return list(together.values())


class Images:
    """A release's images by the manifest's paths, whatever their format. Several threads may use it."""

    def __init__(self, folder: Path) -> None:
        """Read nothing yet.

        Args:
            folder: of the release.
        """
        self._folder = folder
        self._indices: dict[str, Index] = {}

    def pngs(self, paths: Iterable[str]) -> Iterator[bytes]:
        """PNG files' contents, as they were released.

        Raises:
            ReleaseError: an image cannot be read.
        """
        for path in paths:
            try:
                png = self._png(path)
            except (OSError, ValueError, KeyError, struct.error, tarfile.TarError) as error:
                told = f"{self._folder}: {path} cannot be read: {error!r}. `dcgan verify` tells more."
                raise ReleaseError(told) from error
            yield png

    def arrays(self, paths: Sequence[str]) -> Iterator[np.ndarray]:
        """The same as arrays uint8 (H, W, C)."""
        for path, png in zip(paths, self.pngs(paths), strict=True):
            try:
                yield pictures.read(io.BytesIO(png))
            except (OSError, SyntaxError) as error:  # which is what Pillow raises where a PNG's parts are broken
                told = f"{self._folder}: {path} cannot be read: {error}. `dcgan verify` tells more."
                raise ReleaseError(told) from error

    def _png(self, path: str) -> bytes:
        shard, mark, member = path.partition(IN_SHARD)
        file = self._folder / shard
        if not mark:
            return file.read_bytes()
        if shard not in self._indices:
            self._indices[shard] = dict(_tar_index(file) if file.suffix == ".tar" else _tfrecord_index(file))
        offset, size = self._indices[shard][member]
        with file.open("rb") as opened:
            opened.seek(offset)
            content = opened.read(size)
        return content if file.suffix == ".tar" else _png_of_example(content)


def _tar_index(file: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name of each image, and offset and length of its PNG."""
    with tarfile.open(file, "r:") as tar:
        for member in tar:
            if member.name.endswith(".png"):
                yield member.name, (member.offset_data, member.size)


def _tfrecord_index(file: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Number of each record, and offset and length of its content, which has a head of 12 bytes and a foot of 4."""
    end = file.stat().st_size
    with file.open("rb") as opened:
        offset = 0
        for number in itertools.count():
            if offset == end:
                return
            opened.seek(offset)
            length, _ = struct.unpack("<QI", opened.read(12))
            yield str(number), (offset + 12, length)
            offset += length + 16
            if offset > end:
                raise ValueError(f"record {number} is cut off")


def _png_of_example(record: bytes) -> bytes:
    """The image in a `tf.train.Example`, without TensorFlow: who trains with something else need not have it."""
    # As its .proto files number them: `Example.features`, and in that `feature`, a map of `key` and `value`.
    for entry in _fields(_field(record, 1), 1):
        if _field(entry, 1) == b"image/encoded":
            return _field(_field(_field(entry, 2), 1), 1)  # `Feature.bytes_list`, and in that `value`
    raise ValueError("the record has no image")


def _field(message: bytes, number: int) -> bytes:
    """The first field of that number."""
    for content in _fields(message, number):
        return content
    raise ValueError(f"a message in the record has no field {number}")


def _fields(message: bytes, number: int) -> Iterator[bytes]:
    """Contents of the fields of one number in a Protocol Buffers message whose fields all have a length."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        size, at = _varint(message, at)
        if tag & 7 != HAS_LENGTH or at + size > len(message):
            raise ValueError("a message in the record is damaged")
        if tag >> 3 == number:
            yield message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number in 7 bits a byte, the lowest first, and where it ends."""
    value = shift = 0
    for byte in message[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # the last
            return value, at
        shift += 7
    raise ValueError("a message in the record is damaged")


@contextmanager
def _write_files(folder: Path, _name: str, _num_images: int) -> Iterator[Write]:
    def write(row: Row, png: bytes) -> str:
        path = image_path(row["label"], row["image_id"])
        file = folder / path
        try:
            file.write_bytes(png)
        except FileNotFoundError:
            file.parent.mkdir(parents=True)
            file.write_bytes(png)
        return path

    yield write


@contextmanager
def _write_tfrecord(folder: Path, name: str, num_images: int) -> Iterator[Write]:
    tf = load_tensorflow()
    shards = _shards(folder, name + "-{:05d}.tfrecord", num_images)
    numbers = itertools.count()

    def write(row: Row, png: bytes) -> str:
        record, shard = divmod(next(numbers), len(shards))
        writers[shard].write(_example(row, png))
        return f"{shards[shard]}{IN_SHARD}{record}"

    try:
        with ExitStack() as stack:
            writers = [stack.enter_context(tf.io.TFRecordWriter(str(folder / shard))) for shard in shards]
            yield write
    except tf.errors.OpError as error:
        raise OSError(error.message) from error


def _example(row: Row, png: bytes) -> bytes:
    """A record, with the names of features that TensorFlow's image tools use."""
    train = load_tensorflow().train

    def text(value: bytes) -> Any:
        return train.Feature(bytes_list=train.BytesList(value=[value]))

    def number(value: int) -> Any:
        return train.Feature(int64_list=train.Int64List(value=[value]))

    features = {
        "image/encoded": text(png),
        "image/format": text(b"png"),
        "image/filename": text(f"{row['image_id']}.png".encode()),
        "image/height": number(row["height"]),
        "image/width": number(row["width"]),
        "image/channels": number(row["channels"]),
        "image/class/label": number(row["class_index"]),
        "image/class/text": text(row["label"].encode()),
    }
    content: bytes = train.Example(features=train.Features(feature=features)).SerializeToString(deterministic=True)
    return content


@contextmanager
def _write_webdataset(folder: Path, name: str, num_images: int) -> Iterator[Write]:
    shards = _shards(folder, name + "-{:05d}.tar", num_images)
    numbers = itertools.count()

    def write(row: Row, png: bytes) -> str:
        shard = next(numbers) % len(shards)
        files[shard].write(_member(f"{row['image_id']}.png", png))
        files[shard].write(_member(f"{row['image_id']}.cls", str(row["class_index"]).encode()))
        return f"{shards[shard]}{IN_SHARD}{row['image_id']}.png"

    with ExitStack() as stack:
        files = [stack.enter_context((folder / shard).open("wb")) for shard in shards]
        yield write
        for file in files:
            file.write(bytes(2 * tarfile.BLOCKSIZE))  # the end of an archive


def _member(name: str, content: bytes) -> bytes:
    """A file in a tar archive: header, content and padding. Nothing in it differs from run to run.

    `tarfile.TarFile` would keep a record of every member until it is closed.
    """
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o444
    return info.tobuf() + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _shards(folder: Path, form: str, num_images: int) -> list[str]:
    """Paths of the shards in a release, from their names' form; their folder is made."""
    (folder / "shards").mkdir()
    return ["shards/" + form.format(number) for number in range(min(-(-num_images // PER_SHARD), MAX_SHARDS))]
