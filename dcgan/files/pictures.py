"""Images from files, and grids of them to look at."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

BORDER = 2  # px between images


def read(file: Path | BinaryIO) -> np.ndarray:
    """A grey or RGB image, uint8 (H, W, C)."""
    with Image.open(file) as image:
        pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def stack(files: Iterable[Path]) -> np.ndarray:
    """Images of one size from files, at least one: uint8 (N, H, W, C)."""
    return np.stack([read(file) for file in files])


def resized(images: np.ndarray, size: tuple[int, int], channels: int) -> np.ndarray:
    """uint8 (N, H, W, C) to float32 (N, *size, channels), 0 to 255; grey becomes RGB, and RGB grey, where wanted."""
    mode = "L" if channels == 1 else "RGB"
    height, width = size
    pictures = (Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert(mode) for image in images)
    pixels = [np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)) for picture in pictures]
    return np.stack(pixels).reshape(len(images), height, width, channels).astype(np.float32)


def grid(images: np.ndarray, columns: int) -> Image.Image:
    """Lay images out row by row.

    Args:
        images: uint8 (n, H, W, C) with C 1 or 3; n at least 1.
        columns: images in a row.
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + BORDER) + BORDER, columns * (width + BORDER) + BORDER, channels), 128, np.uint8)
    for number, image in enumerate(images):
        top = BORDER + number // columns * (height + BORDER)
        left = BORDER + number % columns * (width + BORDER)
        sheet[top : top + height, left : left + width] = image
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)


def png(image: Image.Image) -> bytes:
    """An image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
