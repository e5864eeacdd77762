"""Opening one input picture: what it is, or its pixels as the networks take them.

`main` is a reader process, which `dcgan.data.catalogue.readers` starts: it receives lists of tasks, and answers each
task. It imports little, to be there at once; it dies over a file that takes too long, and its memory has a bound.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import resource
import signal
import stat
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypedDict

import numpy as np
from PIL import Image, UnidentifiedImageError

from dcgan.data.catalogue.decode import decode, fit, perceptual_hash, to_pixels
from dcgan.data.catalogue.depth import Range, UnusableError
from dcgan.data.catalogue.kinds import open_picture, what_it_is
from dcgan.data.catalogue.reasons import DAMAGED, EMPTY, SYNTHETIC, TOO_LARGE, UNUSABLE
from dcgan.execution.child import next_message, open_channel
from dcgan.files import marks

ACCEPTED, QUARANTINED = "accepted", "quarantined"  # verdicts

READY = "ready"  # what a reader process says first
MAX_BYTES = 300_000_000  # of one file: 64 million pixels as they stand in RGB, and a little more
MAX_SECONDS = 60  # for one file, in a reader process
MAX_MEMORY = 1_500_000_000  # bytes of a reader process: for the largest picture, whatever it is stored as


class Facts(TypedDict):
    """What one file is, whatever the other files are."""

    height: int
    width: int
    mode: str
    grey: bool
    sha256: str
    """Of the file; "" when it could not be read."""
    image_sha256: str
    perceptual_hash: str
    kind: str
    """Of a picture of more than 8 bits, `depth.Depth`; "" of others."""
    low: float
    high: float
    black: float
    white: float
    said: str
    verdict: str
    reason: str
    detail: str


NOTHING: Facts = {
    "height": 0, "width": 0, "mode": "", "grey": False, "sha256": "", "image_sha256": "", "perceptual_hash": "",
    "kind": "", "low": 0.0, "high": 0.0, "black": 0.0, "white": 0.0, "said": "",
    "verdict": QUARANTINED, "reason": "", "detail": "",
}  # fmt: skip


class TooLargeError(OSError):
    """A file that is not read, for its size."""


class Item(Protocol):
    """An input picture that was not opened yet."""

    def read(self) -> bytes:
        """Its content.

        Raises:
            TooLargeError: it has more than `MAX_BYTES`.
            OSError: it cannot be read.
        """

    def picture(self, content: bytes) -> Image.Image:
        """The content as a picture; raises what Pillow raises if it is not one."""

    def address(self) -> list[Any] | None:
        """Module and name of its class, and the class's arguments, from which another process makes it again, as JSON.

        None: it is in this process's memory.
        """


@dataclass(frozen=True)
class File:
    """A picture in a file."""

    path: str

    def __str__(self) -> str:
        return self.path

    def address(self) -> list[Any]:
        """See `Item`."""
        return [__name__, "File", self.path]

    def read(self) -> bytes:
        """The file's bytes."""
        with open(self.path, "rb", opener=_open_at_once) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OSError("a pipe, socket or device")  # reading one could wait for ever
            if found.st_size > MAX_BYTES:
                raise TooLargeError(f"{found.st_size:,} bytes, more than {MAX_BYTES:,}")
            content = file.read(found.st_size + 1)
            if len(content) > found.st_size:
                raise OSError("it grew while it was read")
            return content

    def picture(self, content: bytes) -> Image.Image:
        """What Pillow makes of them."""
        return open_picture(content)


@dataclass(frozen=True)
class Row:
    """A picture in an array: uint8 (H, W), (H, W, 1) or (H, W, 3)."""

    array: np.ndarray

    def address(self) -> None:
        """None: it is in memory."""

    def read(self) -> bytes:
        """The values."""
        return self.array.tobytes()

    def picture(self, _content: bytes) -> Image.Image:
        """The picture that they are."""
        return Image.fromarray(self.array[..., 0] if self.array.shape[-1] == 1 else self.array)


def inspect(item: Item, wanted: Range | None) -> Facts:
    """Read and fully decode a picture.

    Args:
        item: the picture.
        wanted: the job's `data.range`.
    """
    try:
        return _inspect(item, wanted)
    except MemoryError as error:  # says nothing of the file: another day there may be room
        detail = f"{_first_line(error)}: it needs more than {MAX_MEMORY / 1e9:g} GB, or than the machine has"
        return {**NOTHING, "reason": UNUSABLE, "detail": detail}


def _inspect(item: Item, wanted: Range | None) -> Facts:  # noqa: PLR0911 (one for each reason)
    try:
        content = item.read()
    except TooLargeError as error:
        return {**NOTHING, "reason": TOO_LARGE, "detail": str(error)}
    except OSError as error:
        return {**NOTHING, "reason": DAMAGED, "detail": _first_line(error)}
    facts: Facts = {**NOTHING, "sha256": hashlib.sha256(content).hexdigest()}
    if not content:
        return {**facts, "reason": EMPTY}
    try:
        image = item.picture(content)
        facts["mode"] = image.mode
        if marks.is_synthetic(image):
            detail = "made by a generator; GANs are trained on real images only"
            return {**facts, "reason": SYNTHETIC, "detail": detail}
        pixels, depth = decode(image, wanted, lambda: item.picture(content))
        del image  # a large one takes as much as all that follows
    except UnusableError as error:
        return {**facts, "reason": UNUSABLE, "detail": str(error)}
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:
        return {**facts, "reason": UNUSABLE, "detail": _first_line(error)}
    except UnidentifiedImageError as error:
        return {**facts, "reason": DAMAGED, "detail": what_it_is(content) or _first_line(error)}
    except Exception as error:
        return {**facts, "reason": DAMAGED, "detail": _first_line(error)}
    pixel_hash = hashlib.sha256(f"{pixels.shape}".encode())
    pixel_hash.update(np.ascontiguousarray(pixels).data)
    found: Facts = {
        **facts,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "grey": pixels.ndim == 2,
        "image_sha256": pixel_hash.hexdigest(),
        "perceptual_hash": perceptual_hash(pixels),
        "verdict": ACCEPTED,
    }
    return {**found, **asdict(depth)} if depth else found  # type: ignore[typeddict-item]  # its fields are keys


def store_pixels(
    item: Item, wanted: Range | None, sha256: str, file: str, row: int, image_shape: tuple[int, int, int]
) -> str:
    """Convert a picture that the catalogue has accepted, and write it into an array.

    Args:
        item: the picture.
        wanted: the job's `data.range`.
        sha256: of its content, as the catalogue has it.
        file: `.npy`, uint8 (n, H, W, C), made before.
        row: of that array.
        image_shape: (H, W, C).

    Returns:
        "", or what is wrong with it: it is gone, or is not what it was.
    """
    try:
        content = item.read()
    except OSError as error:
        return f"was readable a moment ago, but is not now: {error}"
    if hashlib.sha256(content).hexdigest() != sha256:
        return "changed while the run was reading it. Run again when the images are still."
    pixels = to_pixels(item.picture(content), wanted, lambda: item.picture(content))
    _array(file)[row] = fit(pixels, image_shape)
    return ""


ACTS: dict[str, Callable[..., Any]] = {act.__name__: act for act in (inspect, store_pixels)}


@functools.lru_cache(maxsize=8)
def _array(file: str) -> np.ndarray:
    array: np.ndarray = np.load(file, mmap_mode="r+")
    return array


def close_arrays() -> None:
    """Let go of the arrays that `store_pixels` has written to."""
    _array.cache_clear()


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # opening a pipe that nobody writes to would wait for ever


def _first_line(error: Exception) -> str:
    text = str(error).split(" <_io.")[0].splitlines()  # a file object's address says nothing
    return f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")


def _item(address: list[Any]) -> Item:
    module, name, *arguments = address
    item: Item = getattr(importlib.import_module(module), name)(*arguments)
    return item


def main() -> None:
    """Answer tasks until there are no more."""
    say = open_channel()
    warnings.simplefilter("ignore")  # Pillow's of large pictures and odd metadata: both are looked at
    resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
    say(READY)
    while (tasks := next_message()) is not None:
        for act, address, *arguments in tasks:
            # Not caught by Python, so that it ends a decoder that never comes back to Python too.
            signal.alarm(MAX_SECONDS)
            reply = ACTS[act](_item(address), *arguments)
            signal.alarm(0)
            say(reply)
        close_arrays()  # it may be long until the next
