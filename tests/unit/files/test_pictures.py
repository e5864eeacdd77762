"""Grids: every image where it belongs, whatever their number and form."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dcgan.files.pictures import BORDER, class_grid, grid, png
from tests.samples import noise
from tests.unit.conftest import CAT, SCRIPT, Made


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


def test_grid_of_classes_shows_those_with_images_under_any_name(made: Made) -> None:
    both = class_grid(made.run, made.outcome["classes"])
    one = class_grid(made.run, {CAT: made.outcome["classes"][CAT], "three": made.outcome["classes"]["three"]})
    assert both.width == one.width and both.height == 3 * one.height
    assert class_grid(made.run, {}).size == (1, 1)
    assert one != class_grid(made.run, {SCRIPT: made.outcome["classes"][SCRIPT]})


def test_png_is_lossless() -> None:
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(Image.fromarray(noise(1)))))), noise(1))
