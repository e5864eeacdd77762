"""The orientation alone is read of a picture's metadata, and no metadata costs its pixels."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from dcgan.data.catalogue.opening import File, inspect
from dcgan.data.catalogue.reasons import DAMAGED
from tests.samples import noise

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's of odd metadata, which a reader process ignores

Tag = tuple[int, int, int, bytes]  # number, type, count, value


def exif(*tags: Tag, order: str = "<") -> bytes:
    """EXIF data with these tags; values of more than 4 bytes stand after them."""
    mark, body = {"<": b"II*\0", ">": b"MM\0*"}[order], b""
    out = mark + struct.pack(f"{order}IH", 8, len(tags))
    for number, kind, count, value in tags:
        out += struct.pack(f"{order}HHI", number, kind, count)
        if len(value) > 4:
            out += struct.pack(f"{order}I", 8 + 2 + 12 * len(tags) + 4 + len(body))
            body += value
        else:
            out += value.ljust(4, b"\0")
    return b"Exif\0\0" + out + struct.pack(f"{order}I", 0) + body


TURNED: Tag = (0x0112, 3, 1, struct.pack("<H", 6))
BROKEN = {  # as cameras, phones and editors leave it
    "negative unsigned rational": exif(TURNED, (0x011A, 10, 1, struct.pack("<ii", -1, 0))),
    "resolution as text": exif(TURNED, (0x011A, 2, 6, b"72/10\0")),
    "negative short": exif(TURNED, (0x0128, 8, 1, struct.pack("<h", -1))),
    "width as text": exif(TURNED, (0x0100, 2, 5, b"1234\0")),
    "not a number": exif(TURNED, (0xC000, 12, 1, struct.pack("<d", float("nan")))),
    "type that there is not": exif(TURNED, (0xC001, 99, 1, b"\1\0\0\0")),
    "directory that is itself": exif(TURNED, (0x8769, 4, 1, struct.pack("<I", 8))),
    "directory beyond the end": exif(TURNED, (0x8769, 4, 1, struct.pack("<I", 77777))),
    "location as text": exif(TURNED, (0x8825, 2, 4, b"abc\0")),
    "text beyond the end": exif(TURNED)[:-4] + struct.pack("<HHII", 0x010F, 2, 500, 99999),
    "cut short": exif(TURNED, (0x010F, 2, 20, b"ABCDEFGHIJKLMNOPQRS\0"))[:30],
    "header twice": b"Exif\0\0" + exif(TURNED),
    "big-endian": exif((0x0112, 3, 1, struct.pack(">H", 6)), order=">"),
}
WITHOUT = {  # no orientation that is valid
    "none": exif(),
    "zero": exif((0x0112, 3, 1, b"\0\0")),
    "nine": exif((0x0112, 3, 1, b"\x09\0")),
    "noise": b"Exif\0\0abc",
    "empty": b"Exif\0\0",
}


def jpeg(pixels: np.ndarray, metadata: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    content = buffer.getvalue()
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(metadata) + 2) + metadata + content[2:]


def shape(file: Path, content: bytes) -> tuple[int, int]:
    """Height and width of a picture, which must be accepted."""
    file.write_bytes(content)
    facts = inspect(File(str(file)), None)
    assert facts["verdict"] == "accepted", facts["detail"]
    return facts["height"], facts["width"]


@pytest.mark.parametrize("kind", BROKEN)
def test_orientation_is_applied_whatever_stands_beside_it(tmp_path: Path, kind: str) -> None:
    assert shape(tmp_path / "a.jpg", jpeg(noise(0, 16, 12), BROKEN[kind])) == (12, 16)


@pytest.mark.parametrize("kind", WITHOUT)
def test_orientation_that_is_none_turns_nothing(tmp_path: Path, kind: str) -> None:
    assert shape(tmp_path / "a.jpg", jpeg(noise(0, 16, 12), WITHOUT[kind])) == (16, 12)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("metadata", ["resolution as text", "negative unsigned rational", "width as text"])
def test_broken_metadata_costs_no_pixels_of_other_kinds(tmp_path: Path, kind: str, metadata: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(0, 16, 12)).save(buffer, kind, exif=BROKEN[metadata])
    assert shape(tmp_path / "a", buffer.getvalue()) == (12, 16)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_is_turned_once_though_its_other_tags_are_broken(tmp_path: Path, orientation: int) -> None:
    directory = Image.Exif()
    directory[0x0112] = orientation
    buffer = io.BytesIO()
    pixels = noise(0, 16, 12)
    Image.fromarray(pixels).save(buffer, "TIFF", exif=directory)
    assert shape(tmp_path / "a.tif", buffer.getvalue()) == ((16, 12) if orientation < 5 else (12, 16))


def chunk(name: bytes, data: bytes, *, damaged: bool = False) -> bytes:
    checksum = zlib.crc32(name + data) ^ damaged
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


BAD_CHUNKS = {
    "checksum of a text": chunk(b"tEXt", b"Comment\0hello", damaged=True),
    "checksum of the time": chunk(b"tIME", b"\x07\xe0\1\1\0\0\0", damaged=True),
    "text that unpacks to much": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 3_000_000)),
    "short physical size": chunk(b"pHYs", b"\0"),
    "short gamma": chunk(b"gAMA", b""),
}


@pytest.mark.parametrize("kind", BAD_CHUNKS)
def test_broken_chunks_of_a_png_cost_none_of_its_pixels(tmp_path: Path, kind: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(0, 16, 12)).save(buffer, "PNG")
    whole = buffer.getvalue()
    (tmp_path / "whole.png").write_bytes(whole)
    (tmp_path / "a.png").write_bytes(whole[:33] + BAD_CHUNKS[kind] + whole[33:])
    facts, expected = (inspect(File(str(tmp_path / name)), None) for name in ("a.png", "whole.png"))
    assert facts["image_sha256"] == expected["image_sha256"] != ""


def test_mark_of_a_synthetic_image_is_not_lost_with_broken_metadata(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_itxt("dcgan-augment", "synthetic")
    Image.fromarray(noise(0, 16, 12)).save(buffer, "PNG", pnginfo=info)
    whole = buffer.getvalue()
    (tmp_path / "a.png").write_bytes(whole[:33] + BAD_CHUNKS["checksum of a text"] + whole[33:])
    facts = inspect(File(str(tmp_path / "a.png")), None)
    assert (facts["verdict"], facts["reason"]) == ("quarantined", DAMAGED)
