"""Opening one input picture: what it is, or its pixels as the networks take them.

Run as a module, this is a reader process, which `dcgan.data.catalogue.readers` starts: it reads one JSON list of tasks
a line from standard input, and answers each line with one of replies. It imports little, to be there at once.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
import stat
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict

import numpy as np
from PIL import Image

from dcgan.data.catalogue.decode import UnusableError, fit, perceptual_hash, to_pixels
from dcgan.execution.child import next_told, open_channel
from dcgan.files import marks

ACCEPTED, QUARANTINED = "accepted", "quarantined"  # verdicts

EMPTY = "empty file"
DAMAGED = "not an image, or damaged"
SYNTHETIC = "marked as synthetic"
UNUSABLE = "unusable values or size"


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
    verdict: str
    reason: str
    detail: str


NOTHING: Facts = {
    "height": 0, "width": 0, "mode": "", "grey": False, "sha256": "", "image_sha256": "", "perceptual_hash": "",
    "verdict": QUARANTINED, "reason": "", "detail": "",
}  # fmt: skip


class Item(Protocol):
    """An input picture that was not opened yet."""

    def read(self) -> bytes:
        """Its content.

        Raises:
            OSError: it cannot be read.
        """

    def picture(self, content: bytes) -> Image.Image:
        """The picture that the content is; raises what Pillow raises on what is none."""


@dataclass(frozen=True)
class File:
    """A picture in a file."""

    path: str

    def __str__(self) -> str:
        return self.path

    def read(self) -> bytes:
        """The file's bytes."""
        with open(self.path, "rb", opener=_open_at_once, buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError("a pipe, socket or device")  # reading one could wait for ever
            return file.read()

    def picture(self, content: bytes) -> Image.Image:
        """What Pillow makes of them."""
        return Image.open(io.BytesIO(content))


@dataclass(frozen=True)
class Row:
    """A picture in an array: uint8 (H, W), (H, W, 1) or (H, W, 3)."""

    array: np.ndarray

    def read(self) -> bytes:
        """The values."""
        return self.array.tobytes()

    def picture(self, _content: bytes) -> Image.Image:
        """The picture that they are."""
        return Image.fromarray(self.array[..., 0] if self.array.shape[-1] == 1 else self.array)


def inspect(item: Item) -> Facts:
    """Read and fully decode a picture."""
    try:
        content = item.read()
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
        pixels = to_pixels(image)
    except UnusableError as error:
        return {**facts, "reason": UNUSABLE, "detail": str(error)}
    except Exception as error:
        if isinstance(error, MemoryError):  # says nothing of the file: another day there may be room
            facts["sha256"] = ""
        return {**facts, "reason": DAMAGED, "detail": _first_line(error)}
    shape = f"{pixels.shape}".encode()
    return {
        **facts,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "grey": pixels.ndim == 2,
        "image_sha256": hashlib.sha256(shape + pixels.tobytes()).hexdigest(),
        "perceptual_hash": perceptual_hash(pixels),
        "verdict": ACCEPTED,
    }


def store_pixels(item: Item, sha256: str, file: str, row: int, image_shape: tuple[int, int, int]) -> str:
    """Convert a picture that the catalogue has accepted, and write it into an array.

    Args:
        item: the picture.
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
        return f"could be read a moment ago and cannot be now: {error}"
    if hashlib.sha256(content).hexdigest() != sha256:
        return "changed while the run was reading it. Run again when the images are still."
    _array(file)[row] = fit(to_pixels(item.picture(content)), image_shape)
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


def main() -> None:
    """Answer tasks until standard input ends."""
    say = open_channel()
    warnings.simplefilter("ignore")  # see `readers.answers`
    while (tasks := next_told()) is not None:
        say([ACTS[act](File(path), *arguments) for act, path, *arguments in tasks])


if __name__ == "__main__":
    main()
