"""Images from files, and grids of them to look at."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageDraw

from dcgan.run.paths import Run

BORDER = 2  # px between images
NUM_SHOWN = 20  # images of a kind in a class's row
MIN_SHOWN_SIDE = 56  # px; smaller images are shown enlarged
TITLE_HEIGHT = 22  # px


def read(file: Path | BinaryIO) -> np.ndarray:
    """A grey or RGB image, uint8 (H, W, C)."""
    with Image.open(file) as image:
        pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]


def stack(files: Iterable[Path]) -> np.ndarray:
    """Images of one size from files, at least one: uint8 (N, H, W, C)."""
    return np.stack([read(file) for file in files])


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


def class_grid(run: Run, classes: Mapping[str, Mapping[str, Any]]) -> Image.Image:
    """Per class with synthetic images: its name, a row of real images, and below it a row of synthetic ones."""
    strips = []
    for label, entry in classes.items():
        if not entry["accepted"]:
            continue
        real = np.load(run.train_images(label), mmap_mode="r")[:NUM_SHOWN]
        files = sorted((run.generation(label) / "images").iterdir())[:NUM_SHOWN]
        made = stack(files)
        blank = np.full((NUM_SHOWN, *real.shape[1:]), 128, np.uint8)
        rows = [np.concatenate([images, blank])[:NUM_SHOWN] for images in (real, made)]
        scale = max(1, round(MIN_SHOWN_SIDE / real.shape[1]))
        picture = grid(np.concatenate(rows), NUM_SHOWN)
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
        strip = Image.new("RGB", (picture.width, picture.height + TITLE_HEIGHT), "white")
        title = f"{label}: {entry['train']} real (above), {entry['accepted']} synthetic (below), {entry['verdict']}"
        ImageDraw.Draw(strip).text((4, 2), title, "black", font_size=TITLE_HEIGHT - 8)
        strip.paste(picture, (0, TITLE_HEIGHT))
        strips.append(strip)
    if not strips:
        return Image.new("RGB", (1, 1))
    sheet = Image.new("RGB", (strips[0].width, sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet


def png(image: Image.Image) -> bytes:
    """An image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
