"""Any picture that Pillow opens, as grey or RGB pixels, each mode on purpose.

What is transparent stands on white. EXIF orientation is applied. 16-bit values are scaled by 255 / 65535. Of an
animation or a stack of pages the first picture counts.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageCms, ImageOps

MAX_PIXELS = 64_000_000  # of one input picture: a decompression bomb should not end the night


class UnusableError(ValueError):
    """A picture that was read, but whose values have no known meaning; the message says why."""


def to_pixels(image: Image.Image) -> np.ndarray:
    """Decode an opened picture.

    Returns:
        uint8 (H, W) when the picture is grey, also when it is stored as colour, else (H, W, 3) RGB.

    Raises:
        UnusableError: too large, or values outside every known range.
        OSError, SyntaxError, ValueError: Pillow's own, on damaged files.
    """
    if image.width * image.height > MAX_PIXELS:
        raise UnusableError(f"{image.width} x {image.height} px, more than {MAX_PIXELS:,} pixels")
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_wide(np.asarray(image), image.mode)
    if image.mode in ("1", "L") and not image.has_transparency_data:
        return np.asarray(image.convert("L"))
    pixels = np.asarray(_to_rgb(image))
    grey = (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    return pixels if not grey else pixels[..., 0]


def _from_wide(values: np.ndarray, mode: str) -> np.ndarray:
    """Grey values of more than 8 bits, as uint8 (H, W)."""
    low, high = float(values.min()), float(values.max())
    scale: float = 255 / 65535
    if mode == "F":
        if not (low >= 0 and high <= 255):  # also when they are not numbers
            raise UnusableError(f"floating-point values from {low:g} to {high:g}; expected 0 to 1, or 0 to 255")
        scale = 255 if high <= 1 else 1
    elif not (low >= 0 and high <= 65535):
        raise UnusableError(f"32-bit values from {low:g} to {high:g}; expected 16-bit, 0 to 65535")
    scaled: np.ndarray = np.rint(values * scale).astype(np.uint8)
    return scaled


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "LAB":  # Pillow's own conversion knows no way from here
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
        assert converted is not None
        return converted
    if image.mode == "La":  # premultiplied alpha; Pillow's only way from here
        image = image.convert("LA")
    if image.has_transparency_data:
        on_white = Image.new("RGBA", image.size, "white")
        on_white.alpha_composite(image.convert("RGBA"))
        return on_white.convert("RGB")
    return image.convert("RGB")


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
