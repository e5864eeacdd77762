"""Any picture that Pillow opens, as grey or RGB pixels, each mode on purpose.

What is transparent stands on white. EXIF orientation is applied. Values of more than 8 bits are scaled (`depth`). Of an
animation or a stack of pages the first picture counts.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageChops, ImageCms, ImageOps

from dcgan.data.catalogue import depth, upright
from dcgan.data.catalogue.depth import Depth, Range, UnusableError

MAX_PIXELS = 64_000_000  # of one input picture: a decompression bomb should not end the night


def to_pixels(
    image: Image.Image, wanted: Range | None = None, again: Callable[[], Image.Image] | None = None
) -> np.ndarray:
    """The pixels of `decode`."""
    return decode(image, wanted, again)[0]


def decode(
    image: Image.Image, wanted: Range | None = None, again: Callable[[], Image.Image] | None = None
) -> tuple[np.ndarray, Depth | None]:
    """Decode an opened picture.

    Args:
        image: opened, not loaded.
        wanted: the job's `data.range`.
        again: opens the same picture once more, which 16 bits in each colour need for a range.

    Returns:
        uint8 (H, W) when the picture is grey, also when it is stored as colour, else (H, W, 3) RGB. And what its values
        were, when they have more than 8 bits.

    Raises:
        UnusableError: too large, or values outside every known range.
        OSError, SyntaxError, ValueError: Pillow's own, on damaged files.
    """
    if image.width * image.height > MAX_PIXELS:
        raise UnusableError(f"{image.width} x {image.height} px, more than {MAX_PIXELS:,} pixels")
    raw = depth.raw_mode(image)
    orientation = upright.load(image)
    found: Depth | None = None
    if depth.is_wide(image):
        pixels, found = depth.from_wide(image, wanted)
        return upright.turn(pixels, orientation), found
    if raw:
        found = depth.high_bytes(image)
        transparent = image.info.get("transparency")
        if again is not None and (wanted is not None or isinstance(transparent, tuple)):
            image = depth.in_full(image, raw, again, wanted, transparent)
        if wanted is not None:
            found = dataclasses.replace(found, black=wanted[0], white=wanted[1], said=depth.BY_JOB)
    if image.mode in ("P", "PA") and image.palette is None:
        image = image.copy()  # by which Pillow takes note of the palette that its icons have
    if image.format == "XBM":  # a set bit is ink, and Pillow has it as light
        image = ImageChops.invert(image)
    if image.mode in ("1", "L") and not image.has_transparency_data:
        return upright.turn(np.asarray(image.convert("L")), orientation), found
    return upright.turn(_colours(image), orientation), found


def _colours(image: Image.Image) -> np.ndarray:
    """RGB (H, W, 3), or (H, W) when all three are the same everywhere."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    grey = True
    for rows, strip in depth.cut(image):
        pixels[rows] = some = np.asarray(_to_rgb(strip))
        grey = grey and bool((some[..., 0] == some[..., 1]).all() and (some[..., 1] == some[..., 2]).all())
    return pixels[..., 0].copy() if grey else pixels


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "LAB":  # Pillow's own conversion knows no way from here
        converted = ImageCms.applyTransform(image, _lab_to_rgb())
        assert converted is not None
        return converted
    if image.mode == "La":  # premultiplied alpha; Pillow's only way from here
        image = image.convert("LA")
    if image.has_transparency_data:
        on_white = Image.new("RGBA", image.size, "white")
        on_white.alpha_composite(image.convert("RGBA"))
        return on_white.convert("RGB")
    return image.convert("RGB")


@functools.cache
def _lab_to_rgb() -> Any:
    profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(*profiles, "LAB", "RGB")


def fit(pixels: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Pixels in the form that the networks take.

    Args:
        pixels: uint8 (H, W) or (H, W, 3).
        image_shape: (height, width, channels) wanted. Where the aspect ratio differs, the middle is kept.

    Returns:
        uint8 of that shape.
    """
    height, width, channels = image_shape
    if pixels.shape[:2] != (height, width):
        image = ImageOps.fit(Image.fromarray(pixels), (width, height), Image.Resampling.LANCZOS)
        pixels = np.asarray(image)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], channels, axis=2)
    return pixels if channels == 3 else np.asarray(Image.fromarray(pixels).convert("L"))[..., None]


def perceptual_hash(pixels: np.ndarray) -> str:
    """64-bit difference hash, in hex: of the picture at 9 x 8 px, whether each pixel is brighter than its right one."""
    small = np.asarray(Image.fromarray(pixels).convert("L").resize((9, 8), Image.Resampling.BOX))
    return np.packbits(small[:, :-1] > small[:, 1:]).tobytes().hex()
