"""Values of more than 8 bits: by what the file or the job says, and never to nearly black pictures unasked."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dcgan.config import DataConfig
from dcgan.data.catalogue import depth, scan
from dcgan.data.catalogue.decode import decode, to_pixels
from dcgan.data.catalogue.depth import BY_BITS, BY_JOB, BY_TAGS, UnusableError
from dcgan.data.catalogue.opening import File, inspect
from dcgan.data.split import read_split
from dcgan.errors import InputError
from tests.samples import noise

GREYS = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)


def tiff(values: np.ndarray, *, bits: int = 16, compressed: bool = False, tags: dict[int, int] | None = None) -> bytes:
    """A TIFF of values (H, W) or (H, W, 3), packed where they have 12 bits, with further tags of one SHORT each."""
    height, width, *rest = values.shape
    channels = rest[0] if rest else 1
    content = values.astype("<u2").tobytes()
    if bits == 12:
        pairs = values.astype(np.uint32).reshape(-1, 2)
        packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], 1)
        content = packed.astype(np.uint8).tobytes()
    content = zlib.compress(content) if compressed else content
    begin = 8 + 6  # after the bits of three channels
    shorts = {256: width, 257: height, 259: 8 if compressed else 1, 262: 2 if rest else 1, 277: channels, 278: height}
    entries = {tag: struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in (shorts | (tags or {})).items()}
    entries[258] = struct.pack("<HHII", 258, 3, 3, 8) if rest else struct.pack("<HHIHH", 258, 3, 1, bits, 0)
    entries |= {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((273, begin), (279, len(content)))}
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return b"II*\0" + struct.pack("<I", begin + len(content)) + struct.pack("<HHH", 16, 16, 16) + content + directory


def png(values: np.ndarray, transparent: Sequence[int] = ()) -> bytes:
    """A PNG of 16 bits, (H, W) or (H, W, 2 to 4), with a value or colour that is transparent."""
    height, width, *channels = values.shape
    kind = {(): 0, (2,): 4, (3,): 2, (4,): 6}[tuple(channels)]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = {b"IHDR": struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)}
    chunks |= {b"tRNS": np.array(transparent, ">u2").tobytes()} if transparent else {}
    chunks |= {b"IDAT": zlib.compress(rows), b"IEND": b""}
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_12_bits_that_a_tiff_says_it_has_are_scaled_by_4095() -> None:
    values = np.linspace(0, 4095, 64).round().reshape(8, 8)
    pixels, found = decode(opened(tiff(values, bits=12)))
    np.testing.assert_array_equal(pixels, np.rint(values * 255 / 4095))
    assert found and (found.white, found.said) == (4095, BY_BITS)


def test_largest_sample_value_that_a_tiff_gives_is_white() -> None:
    values = np.linspace(100, 1000, 64).round().reshape(8, 8)
    pixels, found = decode(opened(tiff(values, tags={340: 100, 341: 1023})))
    np.testing.assert_array_equal(pixels, np.rint((values - 100) * 255 / 923))
    assert found and (found.black, found.white, found.said) == (100, 1023, BY_TAGS)


def test_largest_sample_value_that_the_values_belie_is_not_believed() -> None:
    values = np.linspace(0, 65535, 64).round().reshape(8, 8)
    np.testing.assert_array_equal(to_pixels(opened(tiff(values, tags={341: 1023}))), np.rint(values / 257))


def test_white_is_zero_is_turned_round_in_16_bits_as_pillow_does_in_8() -> None:
    values = GREYS.astype(np.uint16) * 257
    np.testing.assert_array_equal(to_pixels(opened(tiff(values, tags={262: 0}))), 255 - GREYS)


@pytest.mark.parametrize("make", [png, tiff])
def test_range_of_the_job_goes_before_everything(make: Callable[[np.ndarray], bytes]) -> None:
    values = GREYS.astype(np.uint16) * 16
    pixels, found = decode(opened(make(values)), (0, 4080))
    np.testing.assert_array_equal(pixels, GREYS)
    assert found and found.said == BY_JOB
    with pytest.raises(UnusableError, match=r"beyond data\.range, 0 to 4000"):
        to_pixels(opened(make(values)), (0, 4000))


@pytest.mark.parametrize("mode", ["F", "I"])
def test_range_of_the_job_may_begin_below_0(mode: str) -> None:
    values = np.linspace(-1000, 3000, 64).reshape(8, 8).astype(np.float32 if mode == "F" else np.int32)
    np.testing.assert_array_equal(
        to_pixels(Image.fromarray(values), (-1000, 3000)), np.rint((values + 1000) * 255 / 4000)
    )


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours_of_16_bits_are_cut_to_8_or_scaled_by_the_range_of_the_job(channels: int) -> None:
    values = np.random.default_rng(channels).integers(0, 4096, (8, 8, channels)).astype(np.uint16)
    if channels in (2, 4):
        values[..., -1] = 65535
    content = png(values)
    colours = values[..., :1] if channels == 2 else values[..., :3]
    usual, found = decode(opened(content), None, lambda: opened(content))
    np.testing.assert_array_equal(usual.reshape(8, 8, -1), colours >> 8)
    assert found and found.high < 4096
    by_job = to_pixels(opened(content), (0, 4095), lambda: opened(content))
    np.testing.assert_array_equal(
        by_job.reshape(8, 8, -1), np.rint(colours.astype(np.float32) * np.float32(255 / 4095))
    )
    with pytest.raises(UnusableError, match=r"beyond data\.range"):
        to_pixels(opened(content), (0, 1000), lambda: opened(content))


@pytest.mark.parametrize("compressed", [False, True])
def test_colours_of_16_bits_in_a_tiff_are_scaled_by_the_range_of_the_job(compressed: bool) -> None:
    values = np.random.default_rng(0).integers(0, 1024, (8, 8, 3))
    values[0, 0] = 0, 1, 1023  # not grey
    content = tiff(values, compressed=compressed)
    np.testing.assert_array_equal(to_pixels(opened(content), None, lambda: opened(content)), values >> 8)
    expected = np.rint(values.astype(np.float32) * np.float32(255 / 1023))
    np.testing.assert_array_equal(to_pixels(opened(content), (0, 1023), lambda: opened(content)), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_transparent_value_of_16_bits_stands_on_white_as_of_8(channels: int) -> None:
    small = noise(0, 8, 8, channels)
    clear = np.atleast_1d(small[0, 0]).tolist()
    buffer = io.BytesIO()
    Image.fromarray(small).save(buffer, "PNG", transparency=clear[0] if channels == 1 else tuple(clear))
    expected = to_pixels(Image.open(buffer))
    wide = png(small.astype(np.uint16) * 257, [value * 257 for value in clear])
    np.testing.assert_array_equal(to_pixels(opened(wide), None, lambda: opened(wide)), expected)
    assert (expected[0, 0] == 255).all()


def write(folder: Path, make: Callable[[int], bytes], count: int = 12) -> Path:
    for label, start in (("normal", 0), ("tumour", 100)):
        (folder / label).mkdir(parents=True)
        for number in range(count):
            (folder / label / f"{number}.png").write_bytes(make(start + number))
    return folder


def values_up_to(number: int, largest: int) -> np.ndarray:
    """Picture `number`, whose values reach from 0 to `largest`."""
    values = np.random.default_rng(number).integers(0, largest + 1, (16, 16))
    values.flat[:2] = 0, largest
    return values


def refusal(source: Path, **data: Any) -> str:
    with pytest.raises(InputError) as refused:
        scan(DataConfig(source=str(source), **data))
    return str(refused.value)


@pytest.mark.parametrize(
    ("largest", "white"), [(199, 255), (255, 255), (900, 1023), (3705, 4095), (4095, 4095), (16000, 16383)]
)
def test_set_whose_values_are_of_fewer_bits_is_refused_with_the_range_that_is_meant(
    tmp_path: Path, largest: int, white: int
) -> None:
    source = write(tmp_path / "s", lambda number: png(values_up_to(number, largest)))
    assert f"data.range: [0, {white}]" in refusal(source)
    table, record = scan(DataConfig(source=str(source), range=(0, white)))
    assert f"24 of more than 8 bits, values from 0 to {white}" in record.read_as
    images, _ = read_split(DataConfig(source=str(source), range=(0, white), holdout=1e-9), (16, 16, 1), "train")
    expected = np.rint(values_up_to(0, largest) * (255 / white))
    assert any((image[..., 0] == expected).all() for image in images) and len(table) == 24
    assert scan(DataConfig(source=str(source), range=(0, 65535)))[1].classes["normal"].accepted == 12


def test_set_of_16_bits_is_read_as_such_though_some_of_it_is_dark(tmp_path: Path) -> None:
    source = write(tmp_path / "s", lambda number: png(values_up_to(number, 60000 if number % 2 else 3000)))
    assert "values from 0 to 65535" in scan(DataConfig(source=str(source)))[1].read_as


def test_one_dead_pixel_does_not_make_16_bits_of_12(tmp_path: Path) -> None:
    source = write(tmp_path / "s", lambda number: png(values_up_to(number, 65535 if number == 3 else 3705)), 24)
    message = refusal(source)
    assert "data.range: [0, 4095]" in message and "except 1 with up to 65,535 (normal/3.png)" in message


def test_colours_of_12_in_16_bits_are_refused_too(tmp_path: Path) -> None:
    source = write(tmp_path / "s", lambda number: png(np.random.default_rng(number).integers(0, 4096, (16, 16, 3))))
    assert "data.range: [0, 4095]" in refusal(source)
    assert scan(DataConfig(source=str(source), range=(0, 4095)))[1].channels == 3


def test_pictures_that_say_different_things_of_themselves_are_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "s", lambda number: tiff(values_up_to(number, 900), tags={341: 1000 + number % 2}))
    assert "do not agree" in refusal(source) and "data.range: [0, 1001]" in refusal(source)


def as_tiff(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values.astype(np.float32)).save(buffer, "TIFF")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("largest", "of_one", "told"),
    [
        (1.0, 1.0, ""),
        (250.0, 250.0, ""),
        (250.0, 0.9, "1 of 24 floating-point images have no value over 1"),
        (0.06, 0.06, "data.range: [0, 0.06]"),
        (9.0, 9.0, "data.range: [0, 9]"),
        (4095.0, 4095.0, "Say which values are black and white: data.range"),
    ],
)
def test_floating_point_is_read_by_the_set(tmp_path: Path, largest: float, of_one: float, told: str) -> None:
    source = write(
        tmp_path / "s",
        lambda number: as_tiff(values_up_to(number, 1000) / 1000 * (of_one if number == 5 else largest)),
    )
    if told:
        assert told in refusal(source)
        assert scan(DataConfig(source=str(source), range=(0, largest)))[1].num_files == 24
    else:
        assert scan(DataConfig(source=str(source)))[1].classes["tumour"].accepted == 12


def test_black_picture_is_black_by_any_range(tmp_path: Path) -> None:
    source = write(
        tmp_path / "s", lambda number: as_tiff(np.zeros((16, 16)) if number == 3 else values_up_to(number, 250))
    )
    table, _ = scan(DataConfig(source=str(source)))
    assert (table["verdict"] == "accepted").all()


@given(st.integers(1, 65535), st.integers(0, 2**31 - 1))
@settings(max_examples=60, deadline=None)
def test_default_scaling_is_that_of_16_bits(largest: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, largest + 1, (9, 7)).astype(np.uint16)
    np.testing.assert_array_equal(to_pixels(Image.fromarray(values)), np.rint(values * (255 / 65535)))


def test_large_pictures_are_converted_in_strips_to_the_same_pixels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Image.fromarray(noise(0, 50, 40, 4)).save(tmp_path / "transparent.png")
    Image.fromarray(noise(1, 50, 40, 3)).quantize(16).save(tmp_path / "palette.png")
    Image.fromarray(noise(2, 50, 40, 4)).convert("CMYK").save(tmp_path / "cmyk.tif")
    Image.fromarray(noise(3, 50, 40, 1)).convert("RGB").save(tmp_path / "grey.png")
    (tmp_path / "wide.png").write_bytes(png(values_up_to(0, 65535)))
    (tmp_path / "colours.png").write_bytes(png(noise(4, 50, 40, 3).astype(np.uint16) * 257))
    files = sorted(tmp_path.iterdir())
    facts = [inspect(File(str(file)), None) for file in files]
    monkeypatch.setattr(depth, "STRIP_PIXELS", 123)
    assert [inspect(File(str(file)), None) for file in files] == facts
