"""Synthetic images say so, in two ways, and are recognised by either."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dcgan.files import marks
from tests.samples import noise


def saved(info: PngInfo | None) -> Image.Image:
    buffer = io.BytesIO()
    Image.fromarray(noise(0)).save(buffer, "PNG", pnginfo=info)
    return Image.open(buffer)


def test_mark_says_what_made_the_image() -> None:
    text = saved(marks.png_info("job", "père \N{CAT FACE}", 12, "ab" * 32)).info
    assert text[marks.TEXT_KEY] == "synthetic"
    assert text[f"{marks.TEXT_KEY}:class"] == "père \N{CAT FACE}"
    assert text[f"{marks.TEXT_KEY}:index"] == "12" and text[f"{marks.TEXT_KEY}:model-sha256"] == "ab" * 32
    assert marks.SOURCE_TYPE in text[marks.XMP_KEY]


@pytest.mark.parametrize("key", [marks.TEXT_KEY, marks.XMP_KEY])
def test_either_mark_alone_is_enough(key: str) -> None:
    both = saved(marks.png_info("job", "cat", 0, "")).info
    only = PngInfo()
    only.add_itxt(key, both[key])
    assert marks.is_synthetic(saved(only))


def test_xmp_of_a_real_photograph_is_no_mark() -> None:
    info = PngInfo()
    info.add_itxt(marks.XMP_KEY, "<x:xmpmeta>http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture</x:xmpmeta>")
    assert not marks.is_synthetic(saved(info))
    assert not marks.is_synthetic(saved(None))
    assert not marks.is_synthetic(Image.fromarray(noise(0)))
