"""Synthetic images as PNG files."""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image

from dcgan.files import marks
from dcgan.files.names import escape


def image_id(label: str, index: int) -> str:
    """Name of a synthetic image: its class, escaped for paths, and its index among the class's candidates.

    A point is escaped too: readers of WebDataset take what comes after a name's first point for its ending.
    """
    return f"{escape(label).replace('.', '%2E')}-{index:07d}"


def encode(image: np.ndarray, *, job: str, label: str, index: int, model_sha256: str) -> bytes:
    """One uint8 (H, W, C) image as a marked PNG; the same arguments give the same bytes."""
    buffer = io.BytesIO()
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    info = marks.png_info(job, label, index, model_sha256)
    # Of zlib's strategies the one made for PNG's filtered rows: as small as level 6 here, in half the time.
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info, compress_type=zlib.Z_RLE)
    return buffer.getvalue()
