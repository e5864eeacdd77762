"""Letters in pictures: those of any script that some font here has, and numbers for the others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from dcgan.report import lettering
from dcgan.report.lettering import lettered

SIZE = 14


@pytest.fixture(autouse=True)
def _look_again() -> Iterator[None]:
    """At which fonts there are, since tests say so."""
    lettering._system_fonts.cache_clear()
    yield
    lettering._system_fonts.cache_clear()


def drawn(text: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    picture = Image.new("L", (400, 30))
    ImageDraw.Draw(picture).text((4, 2), text, 255, font)
    return np.asarray(picture)


@pytest.mark.parametrize("name", ["Fußgänger", "Ωmega", "кошка", "Ångström & Łódź"])
def test_names_of_europe_are_written_as_they_are(name: str) -> None:
    text, font = lettered(name, SIZE)
    assert text == name and "DejaVu" in str(font.path)
    no_glyph = drawn("\U0010fffd", font)
    for letter in set(name) - {" "}:
        assert (drawn(letter, font) != no_glyph).any(), letter


def test_what_no_font_has_is_written_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "findSystemFonts", list)
    text, font = lettered("猫 ä\U0010fffd", SIZE)
    assert text == "\\u732b ä\\U0010fffd" and "DejaVu" in str(font.path)


def test_font_of_the_system_that_has_the_letters_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    _, dejavu = lettered("a", SIZE)
    monkeypatch.setattr(lettering, "findSystemFonts", lambda: ["/no/font", "/usr/share/Sans", "/usr/share/other"])
    known = {str(dejavu.path): frozenset("a"), "/usr/share/other": frozenset("a猫")}
    monkeypatch.setattr(lettering, "_characters", lambda file: known.get(file, frozenset()))
    opened = []
    monkeypatch.setattr(ImageFont, "truetype", lambda file, size: opened.append((file, size)) or dejavu)
    assert lettered("a猫", SIZE) == ("a猫", dejavu) and opened == [("/usr/share/other", SIZE)]


def test_file_that_is_no_font_has_no_characters() -> None:
    assert not lettering._characters(__file__)
