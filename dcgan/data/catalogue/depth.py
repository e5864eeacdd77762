"""Pictures of more than 8 bits: what their values mean, and from these to 8 bits.

What a value means is said by the job or by the file. Where neither does, whole numbers are of 16 bits and floating
point is 0 to 1 or 0 to 255; whether that can be is asked of all pictures together (`ranges`), never of one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from dcgan.data.catalogue import upright

INTEGERS, FLOATS = "whole numbers", "floating point"
BY_BITS, BY_TAGS, BY_JOB = "bits", "tags", "job"  # who says what values mean
STRIP_PIXELS = 4_000_000  # converted at a time: no copy of a large picture is needed beside itself

_BITS_PER_SAMPLE, _PHOTOMETRIC, _LEAST, _LARGEST = 258, 262, 340, 341  # tags of TIFF
_WHITE_IS_ZERO = 0

Range = tuple[float, float]


class UnusableError(ValueError):
    """A picture that was read, but whose values have no known meaning; the message says why."""


@dataclass(frozen=True)
class Depth:
    """What a picture of more than 8 bits holds, and how it was read."""

    kind: str
    """INTEGERS or FLOATS."""
    low: float
    high: float
    """Least and largest value."""
    black: float
    white: float
    """What they were read by: these became 0 and 255."""
    said: str = ""
    """Where this comes from: BY_BITS, BY_TAGS or BY_JOB; "" if it is assumed."""


def is_wide(image: Image.Image) -> bool:
    """Whether a picture is grey of more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def from_wide(image: Image.Image, wanted: Range | None) -> tuple[np.ndarray, Depth]:
    """Grey of more than 8 bits as uint8 (H, W).

    Args:
        image: loaded.
        wanted: [black, white], as the job says.

    Raises:
        UnusableError: values are beyond what they can be.
    """
    extremes = [(float(values.min()), float(values.max())) for _, values in strips(image)]
    low, high = min(pair[0] for pair in extremes), max(pair[1] for pair in extremes)
    kind = FLOATS if image.mode == "F" else INTEGERS
    black, white, said = _range(image, kind, low, high, wanted)
    transparent = image.info.get("transparency")
    inverted = image.format == "TIFF" and _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO
    pixels = np.empty((image.height, image.width), np.uint8)
    scale = 255 / (white - black)
    for rows, values in strips(image):
        scaled = (white - values if inverted else values - black) * scale if black or inverted else values * scale
        pixels[rows] = np.rint(scaled).astype(np.uint8)
        if isinstance(transparent, int):
            pixels[rows][values == transparent] = 255
    return pixels, Depth(kind, low, high, black, white, said)


def _range(image: Image.Image, kind: str, low: float, high: float, wanted: Range | None) -> tuple[float, float, str]:
    """Black, white, and who said so."""
    if not np.isfinite([low, high]).all():
        raise UnusableError("floating-point values that are not numbers; expected 0 to 1, or 0 to 255")
    if wanted is not None:
        _require_within(low, high, wanted)
        return *wanted, BY_JOB
    least, largest = _number(_tag(image, _LEAST)), _number(_tag(image, _LARGEST))
    if largest is not None and (least or 0.0) < largest and (least or 0.0) <= low and high <= largest:
        return least or 0.0, largest, BY_TAGS
    hint = "Say which values are black and white: data.range"
    if kind == FLOATS:
        if not (low >= 0 and high <= 255):
            found = f"floating-point values from {low:g} to {high:g}; expected 0 to 1, or 0 to 255"
            raise UnusableError(f"{found}. {hint}")
        return 0.0, 1.0 if high <= 1 else 255.0, ""
    bits = _number(_tag(image, _BITS_PER_SAMPLE))
    if bits is not None and 8 < bits < 16:
        return 0.0, float(2**bits - 1), BY_BITS
    if not (low >= 0 and high <= 65535):
        raise UnusableError(f"32-bit values from {low:g} to {high:g}; expected 16-bit, 0 to 65535. {hint}")
    return 0.0, 65535.0, ""


def strips(image: Image.Image) -> Iterator[tuple[slice, np.ndarray]]:
    """A loaded picture's values, some rows at a time: the rows, and (rows, W) or (rows, W, channels)."""
    for rows, strip in cut(image):
        yield rows, np.asarray(strip)


def cut(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """A loaded picture in strips: the rows, and the picture that they are."""
    step = max(1, STRIP_PIXELS // max(1, image.width))
    if step >= image.height:
        yield slice(0, image.height), image
        return
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))


def raw_mode(image: Image.Image) -> str:
    """How the values of an opened picture are stored, in Pillow's words, where Pillow keeps 8 of 16 bits; else ""."""
    found = {_args(tile)[0] for tile in getattr(image, "tile", None) or []}
    if len(found) != 1 or is_wide(image):
        return ""
    [name] = found
    return name if isinstance(name, str) and ";16" in name and not name.startswith("BGR") else ""


def high_bytes(image: Image.Image) -> Depth:
    """What is known of a picture of 16 bits in each colour from the upper 8, which Pillow has kept."""
    colours = [band for band, name in zip(image.split(), image.getbands(), strict=True) if name not in ("A", "a")]
    extremes = [(int(values.min()), int(values.max())) for band in colours for _, values in strips(band)]
    low, high = min(pair[0] for pair in extremes), max(pair[1] for pair in extremes)
    return Depth(INTEGERS, low * 256.0, high * 256.0 + 255, 0.0, 65535.0)


def in_full(
    image: Image.Image,
    raw: str,
    again: Callable[[], Image.Image],
    wanted: Range | None,
    transparent: Sequence[int] | None,
) -> Image.Image:
    """A loaded picture of 16 bits in each colour, by what its lower 8 bits tell too.

    Args:
        image: loaded: the upper 8 bits.
        raw: its `raw_mode`.
        again: opens it once more.
        wanted: [black, white], as the job says; None: the upper 8 bits serve.
        transparent: the colour, of 16 bits, that is transparent.

    Raises:
        UnusableError: values are beyond the range, or the lower 8 bits cannot be had.
    """
    lower = _lower_bytes(again(), raw)
    colours = [number for number, band in enumerate(image.getbands()) if band not in ("A", "a", "X")]
    bands, lower_bands = list(image.split()), lower.split()
    if raw == "LA;16B":
        lower_bands = (lower_bands[1],) * 3
    clear = np.full((image.height, image.width), transparent is not None)
    for number in colours:
        values = np.asarray(bands[number]).astype(np.float32) * 256 + np.asarray(lower_bands[number])
        if transparent is not None:
            clear &= values == transparent[number]
        if wanted is not None:
            _require_within(float(values.min()), float(values.max()), wanted)
            scaled = (values - wanted[0]) * (255 / (wanted[1] - wanted[0]))
            bands[number] = Image.fromarray(np.rint(scaled).astype(np.uint8))
    if transparent is None:
        return Image.merge(image.mode, bands)
    return Image.merge("RGBA", [*bands, Image.fromarray(np.where(clear, 0, 255).astype(np.uint8))])


def _lower_bytes(image: Image.Image, raw: str) -> Image.Image:
    """The lower 8 bits of an opened picture: those that Pillow takes for the upper ones in the other order of bytes."""
    order = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}.get(raw[-1], "")
    # Grey and alpha of two bytes each are four colours to Pillow, which has no other way to them.
    name = "RGBA" if raw == "LA;16B" else raw[:-1] + order
    setattr(image, "tile", [_with_raw_mode(tile, name) for tile in getattr(image, "tile", [])])  # noqa: B010 (not in its type)
    try:
        upright.load(image)
    except Exception as error:
        raise UnusableError(f"16 bits in each colour, stored as {raw}: convert it to a PNG of 16 bits") from error
    return image


def _require_within(low: float, high: float, wanted: Range) -> None:
    if not (low >= wanted[0] and high <= wanted[1]):
        raise UnusableError(f"values from {low:g} to {high:g}, beyond data.range, {wanted[0]:g} to {wanted[1]:g}")


def _args(tile: Any) -> tuple[Any, ...]:
    return tile[3] if isinstance(tile[3], tuple) else (tile[3],)


def _with_raw_mode(tile: Any, name: str) -> Any:
    args = (name, *tile[3][1:]) if isinstance(tile[3], tuple) else name
    return tile._replace(args=args) if hasattr(tile, "_replace") else (*tile[:3], args)


def _tag(image: Image.Image, number: int) -> Any:
    """A tag of a TIFF; None of any other picture."""
    try:
        value = getattr(image, "tag_v2", {}).get(number)
    except Exception:
        return None
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
