"""Fonts for what is written into pictures: class names may be in any script."""

from __future__ import annotations

import functools
from pathlib import Path

import matplotlib as mpl
from matplotlib.font_manager import findSystemFonts
from matplotlib.ft2font import FT2Font
from PIL import ImageFont


def lettered(text: str, size: int) -> tuple[str, ImageFont.FreeTypeFont]:
    """A text as it can be drawn, and a font that has all its characters.

    DejaVu Sans, which Matplotlib brings, has those of Europe. For others, the first font of the system that has them is
    taken; without one, such characters are written by number, as `\\u732b`.

    Args:
        text: in one line.
        size: of the letters, in px.
    """
    own = Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    if missing := frozenset(text) - _characters(str(own)):
        for file in _system_fonts():
            if frozenset(text) <= _characters(file):
                return text, ImageFont.truetype(file, size)
        text = "".join(one.encode("ascii", "backslashreplace").decode() if one in missing else one for one in text)
    return text, ImageFont.truetype(own, size)


@functools.cache
def _characters(file: str) -> frozenset[str]:
    """The characters that a font has; none if it cannot be read."""
    try:
        return frozenset(map(chr, FT2Font(file).get_charmap()))
    except RuntimeError:  # as FreeType says it
        return frozenset()


@functools.cache
def _system_fonts() -> list[str]:
    """Files of the fonts that are installed, those without serifs first."""
    return sorted(findSystemFonts(), key=lambda file: ("Sans" not in file, file))
