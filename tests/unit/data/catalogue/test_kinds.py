"""Only kinds of pictures that start no program are opened, and what else a file is is said with what to do."""

from __future__ import annotations

import importlib.util
import io
import os
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from dcgan.data.catalogue import kinds, opening
from dcgan.data.catalogue.opening import File, inspect
from dcgan.data.catalogue.reasons import DAMAGED, TOO_LARGE
from tests.samples import noise, write_noise


def test_no_kind_that_starts_a_program_or_only_guesses_is_read() -> None:
    assert not kinds.READ & {"EPS", "WMF", "GRIB", "BUFR", "HDF5", "MPEG", "IPTC", "SPIDER"}
    assert {"PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM"} <= set(kinds._kinds()) <= kinds.READ


@pytest.mark.parametrize("name", ["x.png", "x.eps"])
def test_postscript_starts_no_program_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ghostscript = tmp_path / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch {tmp_path / 'started'}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / name).write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n{} loop\nshowpage\n"
    )
    facts = inspect(File(str(tmp_path / name)), None)
    assert facts["reason"] == DAMAGED and "PostScript" in facts["detail"] and not (tmp_path / "started").exists()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a", "b")
    return buffer.getvalue()


OTHERS = {
    b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n": "git lfs pull",
    b"<!DOCTYPE html><html><body>404</body></html>": "download the image again",
    b"\n<html>\n<head>": "download the image again",
    b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>": "an SVG drawing",
    b"%PDF-1.7\n": "a PDF document",
    b"\0" * 128 + b"DICM" + b"\0" * 20: "a DICOM file",
    b"\x93NUMPY\x01\0": "a NumPy array",
    b"\0\0\0\x18ftypmp42" + b"\0" * 20: "a video",
    b"Some notes on the images.\nNothing more.\n": "text, not an image",
    '{"caption": "Käfer"}'.encode(): "text, not an image",
    archive(): "a ZIP archive",
    b"\x1f\x8b\x08\0" + b"\1" * 20: "a compressed file",
    bytes(range(256)): "UnidentifiedImageError",
}


@pytest.mark.parametrize("content", OTHERS, ids=list(OTHERS.values()))
def test_what_is_no_picture_is_told_as_what_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    facts = inspect(File(str(tmp_path / "a.jpg")), None)
    assert facts["reason"] == DAMAGED and OTHERS[content] in facts["detail"]


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is not None, reason="pillow-heif is installed")
def test_heic_without_its_library_is_told_with_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 50)
    assert "pip install 'dcgan-augment[heif]'" in inspect(File(str(tmp_path / "a.heic")), None)["detail"]


def test_heic_is_read_where_its_library_is_installed(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    picture = Image.fromarray(noise(0, 64, 48)).resize((96, 128))
    pillow_heif.from_pillow(picture).save(tmp_path / "a.heic", quality=100)
    facts = inspect(File(str(tmp_path / "a.heic")), None)
    assert (facts["verdict"], facts["height"], facts["width"]) == ("accepted", 128, 96), facts["detail"]


def test_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(20_000_000_000)  # in no room
    facts = inspect(File(str(tmp_path / "a.png")), None)
    assert facts["reason"] == TOO_LARGE and "20,000,000,000 bytes" in facts["detail"] and facts["sha256"] == ""


def test_file_that_grows_while_it_is_read_is_not_read_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_noise(tmp_path / "a.png", 0)
    monkeypatch.setattr(opening, "MAX_BYTES", (tmp_path / "a.png").stat().st_size)
    assert inspect(File(str(tmp_path / "a.png")), None)["verdict"] == "accepted"
    monkeypatch.setattr(opening, "MAX_BYTES", 100)
    assert inspect(File(str(tmp_path / "a.png")), None)["reason"] == TOO_LARGE
