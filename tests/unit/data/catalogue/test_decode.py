"""Every mode that Pillow knows becomes the pixels that a person sees."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from dcgan.data.catalogue.decode import fit, perceptual_hash, to_pixels
from dcgan.data.catalogue.depth import UnusableError
from tests.samples import noise

COLOURS = np.array([[[230, 20, 30], [20, 200, 40], [10, 30, 220], [128, 128, 128]]], np.uint8).repeat(8, 0).repeat(8, 1)
GREYS = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)


def coloured(mode: str) -> Image.Image:
    """The four colours in a mode, made by Pillow."""
    image = Image.fromarray(COLOURS)
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
        assert converted is not None
        return converted
    if mode == "RGBa":
        return image.convert("RGBA").convert("RGBa")
    if mode == "PA":
        return image.quantize(16).convert("PA")
    return image.quantize(16) if mode == "P" else image.convert(mode)


def reopened(image: Image.Image, kind: str = "PNG", **options: Any) -> Image.Image:
    """The image after it was a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Image.open(buffer)


# 8 bits of luma, hue or lightness cannot tell all RGB colours apart, those of saturated blue least.
ROUNDING = dict.fromkeys(["RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK"], 0) | {"YCbCr": 2, "HSV": 6, "LAB": 13}


@pytest.mark.parametrize("mode", ROUNDING)
def test_colours_are_the_same_in_every_mode(mode: str) -> None:
    image = coloured(mode)
    assert image.mode == mode
    pixels = to_pixels(image)
    assert pixels.shape == COLOURS.shape and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - COLOURS).max() <= ROUNDING[mode]


@pytest.mark.parametrize("mode", ["L", "LA", "La", "P", "RGB", "RGBA", "CMYK"])
def test_greys_are_the_same_in_every_mode_and_have_no_channels(mode: str) -> None:
    grey = Image.fromarray(GREYS)
    image = grey.convert("LA").convert("La") if mode == "La" else grey.convert(mode)
    assert image.mode == mode
    np.testing.assert_array_equal(to_pixels(image), GREYS)


def test_one_bit_is_black_and_white() -> None:
    bits = np.indices((8, 8)).sum(0) % 2 == 0
    np.testing.assert_array_equal(to_pixels(Image.fromarray(bits)), np.where(bits, 255, 0))


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16L", "I;16B"])
def test_16_bits_are_scaled_and_not_cut(mode: str) -> None:
    values = np.linspace(0, 65535, 64).round().reshape(8, 8)
    kind = {"I": "<i4", "I;16B": ">u2"}.get(mode, "<u2")
    image = Image.frombytes(mode, (8, 8), values.astype(kind).tobytes())
    np.testing.assert_array_equal(to_pixels(image), np.rint(values / 257))


def test_16_bit_png_is_scaled() -> None:
    image = reopened(Image.fromarray(np.array([[0, 32768, 65535]] * 8, np.uint16)))
    np.testing.assert_array_equal(to_pixels(image), [[0, 128, 255]] * 8)


@pytest.mark.parametrize("largest", [1.0, 255.0])
def test_floating_point_is_read_as_0_to_1_or_0_to_255(largest: float) -> None:
    image = Image.fromarray((GREYS / GREYS.max() * largest).astype(np.float32))
    assert image.mode == "F"
    np.testing.assert_array_equal(to_pixels(image), np.rint(GREYS / GREYS.max() * 255))


@pytest.mark.parametrize("values", [[-0.5, 1.0], [0.0, 255.5], [0.0, np.nan], [0.0, np.inf]])
def test_floating_point_out_of_every_range_is_refused(values: list[float]) -> None:
    with pytest.raises(UnusableError, match="expected 0 to 1, or 0 to 255"):
        to_pixels(Image.fromarray(np.array([values] * 8, np.float32)))


@pytest.mark.parametrize("values", [[-1, 5], [0, 65536]])
def test_32_bit_out_of_range_is_refused(values: list[int]) -> None:
    with pytest.raises(UnusableError, match="0 to 65535"):
        to_pixels(Image.fromarray(np.array([values] * 8, np.int32)))


def test_decompression_bomb_is_refused(tmp_path: Path) -> None:
    Image.new("1", (8001, 8000)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 20_000
    with Image.open(tmp_path / "bomb.png") as bomb, pytest.raises(UnusableError, match="8001 x 8000 px"):
        to_pixels(bomb)


def test_transparency_stands_on_white() -> None:
    image = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    image.putpixel((0, 0), (200, 0, 0, 255))
    image.putpixel((1, 0), (200, 0, 0, 128))
    pixels = to_pixels(image)
    assert pixels[0, 0].tolist() == [200, 0, 0]
    assert np.abs(pixels[0, 1].astype(int) - [227, 127, 127]).max() <= 1
    assert pixels[7, 7].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_transparent_colour_of_a_png_without_alpha_stands_on_white(mode: str) -> None:
    image = Image.new("L", (8, 8), 0)
    image.putpixel((0, 0), 255 if mode == "1" else 100)
    black = (0, 0, 0) if mode == "RGB" else 0
    opened = reopened(image.convert(mode), transparency=black)
    assert opened.mode == mode
    pixels = to_pixels(opened)
    assert pixels[0, 0] == (255 if mode == "1" else 100)
    assert (np.delete(pixels.ravel(), 0) == 255).all()


def test_transparent_palette_entry_stands_on_white() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 200, 30, 40, 50, 220])
    image.putpixel((0, 0), 1)
    opened = reopened(image, transparency=0)
    assert opened.mode == "P"
    pixels = to_pixels(opened)
    assert pixels[0, 0].tolist() == [40, 50, 220] and pixels[7, 7].tolist() == [255, 255, 255]


def test_grey_stored_as_colour_is_seen_as_grey_and_one_coloured_pixel_makes_colour() -> None:
    grey = np.repeat(GREYS[..., None], 3, axis=2)
    assert to_pixels(Image.fromarray(grey)).shape == (8, 8)
    grey[3, 3, 2] += 1
    assert to_pixels(Image.fromarray(grey)).shape == (8, 8, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_applied(orientation: int) -> None:
    upright = np.zeros((8, 16), np.uint8)
    upright[:4, :4] = 255  # a mark in the upper left corner
    turned = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T,
        6: np.rot90(upright), 7: np.rot90(upright, 2).T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = reopened(Image.fromarray(np.ascontiguousarray(turned)), exif=exif)
    np.testing.assert_array_equal(to_pixels(stored), upright)


def test_first_picture_of_an_animation_counts() -> None:
    frames = [Image.new("L", (8, 8), value) for value in (40, 200)]
    animation = reopened(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert getattr(animation, "n_frames") == 2  # noqa: B009 (only Pillow's animations have it)
    assert (to_pixels(animation) == 40).all()


def test_truncated_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "cut.png"
    Image.fromarray(noise(0, 64, 64)).save(file)
    file.write_bytes(file.read_bytes()[:4000])
    with Image.open(file) as image, pytest.raises((OSError, SyntaxError)):
        to_pixels(image)


SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(SIZES, SIZES, st.sampled_from([1, 3]), st.booleans())
def test_fit_gives_any_shape_that_is_asked_for(
    given_size: tuple[int, int], size: tuple[int, int], channels: int, grey: bool
) -> None:
    fitted = fit(noise(0, *given_size, 1 if grey else 3), (*size, channels))
    assert fitted.shape == (*size, channels) and fitted.dtype == np.uint8


@pytest.mark.parametrize("channels", [1, 3])
def test_fit_leaves_pixels_of_the_right_shape_alone(channels: int) -> None:
    pixels = noise(0, 9, 21, channels)
    np.testing.assert_array_equal(fit(pixels, (9, 21, channels)).reshape(pixels.shape), pixels)


def test_fit_keeps_the_aspect_of_what_it_makes_smaller() -> None:
    pixels = np.zeros((32, 64), np.uint8)
    pixels[:, 32:] = 255  # the right half stays the right half
    fitted = fit(pixels, (16, 32, 1))[..., 0]
    assert fitted[:, :14].max() < 8 and fitted[:, 18:].min() > 247


@pytest.mark.parametrize("across", [False, True])
def test_fit_keeps_the_middle_of_another_aspect(across: bool) -> None:
    pixels = np.full((16, 48), 255, np.uint8)
    pixels[:, 16:32] = 60  # the middle square
    fitted = fit(pixels.T if across else pixels, (16, 16, 1))
    assert (np.abs(fitted[2:-2, 2:-2].astype(int) - 60) <= 2).all()


def test_fit_to_grey_weighs_colours_as_the_eye_does() -> None:
    values = [int(fit(np.full((8, 8, 3), np.eye(3, dtype=np.uint8)[i] * 255), (8, 8, 1))[0, 0, 0]) for i in range(3)]
    assert values == [76, 150, 29]  # ITU-R 601-2 luma


def test_perceptual_hash_stays_when_a_picture_is_resized_and_differs_between_pictures() -> None:
    gradient = np.add.outer(np.arange(64), 2 * np.arange(72)[::-1]).astype(np.uint8)
    half = np.asarray(Image.fromarray(gradient).resize((36, 32), Image.Resampling.BOX))
    assert perceptual_hash(gradient) == perceptual_hash(half)
    assert perceptual_hash(gradient) != perceptual_hash(gradient[:, ::-1])
    assert len(perceptual_hash(gradient)) == 16
