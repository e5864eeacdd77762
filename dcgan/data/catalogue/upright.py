"""Turning a picture as its EXIF orientation says, and losing none over metadata that is broken."""

from __future__ import annotations

import io
import re
import struct
from typing import Any

import numpy as np
from PIL import Image

ORIENTATION = 0x0112
_SHORT = 3  # the type that the standard gives it
_MAX_TAGS = 1000


def load(image: Image.Image) -> int:
    """Read an opened picture's pixels as they are stored, and give its orientation, 1 to 8.

    Raises what Pillow raises on damaged pixels, and nothing over metadata.
    """
    if image.format != "TIFF":
        image.load()
        return _orientation(image)
    # Pillow turns a TIFF itself, and on its way reads all that is beside the pixels.
    found = _orientation(image)
    setattr(image, "load_end", lambda: None)  # noqa: B010 (not in its type)
    image.load()
    setattr(image, "_size", image.im.size)  # noqa: B010 (not in its type)
    return found


def _orientation(image: Image.Image) -> int:
    """The orientation that the metadata give; 1 if they give none, or an invalid one."""
    try:
        value: Any = image.getexif().get(ORIENTATION)
    except Exception:  # Pillow has many ways to stumble over other tags
        value = _by_itself(image.info.get("exif"))
    return int(value) if value in range(1, 9) else 1


def turn(pixels: np.ndarray, found: int) -> np.ndarray:
    """Pixels (H, W) or (H, W, 3), turned upright from an orientation of 1 to 8."""
    if found == 1:
        return pixels
    turned = {
        2: lambda: pixels[:, ::-1],
        3: lambda: pixels[::-1, ::-1],
        4: lambda: pixels[::-1],
        5: lambda: pixels.swapaxes(0, 1),
        6: lambda: np.rot90(pixels, -1),
        7: lambda: pixels[::-1, ::-1].swapaxes(0, 1),
        8: lambda: np.rot90(pixels),
    }[found]()
    return np.ascontiguousarray(turned)


def _by_itself(exif: Any) -> int | None:
    """The orientation in raw EXIF data, whatever the other tags are."""
    if not isinstance(exif, bytes):
        return None
    data = re.sub(rb"^(Exif\x00\x00){1,2}", b"", exif)
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return None
    stream = io.BytesIO(data)
    try:
        stream.seek(struct.unpack(f"{order}I", data[4:8])[0])
        (count,) = struct.unpack(f"{order}H", stream.read(2))
        for _ in range(min(count, _MAX_TAGS)):
            tag, kind, num_values, value = struct.unpack(f"{order}HHIH2x", stream.read(12))
            if (tag, kind, num_values) == (ORIENTATION, _SHORT, 1):
                return int(value)
    except struct.error:  # it is cut short
        pass
    return None
