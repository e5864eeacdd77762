"""The forms that a release's images come in: where each image is, and how it is written.

| `outputs.format` | where an image is | the manifest's `path` |
| --- | --- | --- |
| `files` | a PNG file of its own | `images/<class>/<image id>.png` |
| `tfrecord` | in a record, a `tf.train.Example` | `shards/<job>-<run id>-00000.tfrecord#<number of the record>` |
| `webdataset` | in a tar file, beside its class as text | `shards/<job>-<run id>-00000.tar#<image id>.png` |

Images are dealt to the shards in turn, so that each shard holds its share of every class and a reader of shards needs
only a small buffer to mix them.
"""

from __future__ import annotations

import itertools
import tarfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from dcgan.execution.determinism import load_tensorflow
from dcgan.files.names import escape

Row = Mapping[Hashable, Any]
"""Of the manifest, by column."""
Write = Callable[[Row, bytes], str]
"""Takes a row without its path and its PNG, and gives the path."""

SUFFIXES = {"tfrecord": ".tfrecord", "webdataset": ".tar"}  # of shards
PER_SHARD = 10_000  # images, at most, while there are fewer than MAX_SHARDS: some 10 MB of digits, 100 MB at 64 x 64 px
MAX_SHARDS = 500  # written at once; systems allow a process some 1,000 open files
IN_SHARD = "#"  # parts a shard from what is in it; `escape` leaves none in a name
NUM_TOGETHER = 256  # files read by one thread before it comes back for more


def image_path(label: str, image_id: str) -> str:
    """Path of an image in a release of the format `files`."""
    return f"images/{escape(label)}/{image_id}.png"


def model_path(label: str) -> str:
    """Path of a class's model in a release."""
    return f"models/{escape(label)}.npz"


def base_path(name: str) -> str:
    """Path of a file of the shared base in a release that carries it, given its name in the run's `base/`."""
    return f"base/{name}"


def shard_path(kind: str, name: str, number: int) -> str:
    """Path of a shard in a release.

    Args:
        kind: "tfrecord" or "webdataset".
        name: of the release: its job and run, `<job>-<run id>`.
        number: of the shard, from 0.
    """
    return f"shards/{name}-{number:05d}{SUFFIXES[kind]}"


def shards_among(files: Iterable[str]) -> list[str]:
    """The shards among a release's files, by number."""
    return sorted(path for path in files if path.startswith("shards/"))


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
    shards = _make_shards(folder, "tfrecord", name, num_images)
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
    shards = _make_shards(folder, "webdataset", name, num_images)
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


def _make_shards(folder: Path, kind: str, name: str, num_images: int) -> list[str]:
    """Paths of the shards in a release; their folder is made."""
    num_shards = min(-(-num_images // PER_SHARD), MAX_SHARDS)
    if num_shards:
        (folder / "shards").mkdir()
    return [shard_path(kind, name, number) for number in range(num_shards)]
