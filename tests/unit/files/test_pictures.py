"""Grids: every image where it belongs, whatever their number and form."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dcgan.files.pictures import BORDER, grid, png
from tests.samples import noise


@given(st.integers(1, 12), st.integers(1, 6), st.integers(8, 20), st.integers(8, 20), st.sampled_from([1, 3]))
def test_grid_holds_every_image_in_its_place(count: int, columns: int, height: int, width: int, channels: int) -> None:
    images = np.stack([noise(n, height, width, channels).reshape(height, width, channels) for n in range(count)])
    sheet = grid(images, columns)
    rows = -(-count // columns)
    assert sheet.size == (columns * (width + BORDER) + BORDER, rows * (height + BORDER) + BORDER)
    assert sheet.mode == ("L" if channels == 1 else "RGB")
    pixels = np.asarray(sheet).reshape(sheet.height, sheet.width, channels)
    for number, image in enumerate(images):
        top = BORDER + number // columns * (height + BORDER)
        left = BORDER + number % columns * (width + BORDER)
        np.testing.assert_array_equal(pixels[top : top + height, left : left + width], image)


def test_png_is_lossless() -> None:
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(Image.fromarray(noise(1)))))), noise(1))
