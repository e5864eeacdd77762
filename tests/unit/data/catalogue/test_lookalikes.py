"""Class names that look the same are told, with what tells them apart."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.data.catalogue import lookalikes

NFC, NFD = "Käfer", unicodedata.normalize("NFD", "Käfer")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("Hund", "hund"), "small letters and capitals"), (("Maus", "Maus "), "spaces"), (("a b", "a  b"), "spaces"),
        ((NFC, NFD), "(NFC, NFD)"), (("cat", "c\u200bat"), "not seen"), (("no_sign", "no-sign"), "dashes"),
        (("no sign", "no_sign"), "dashes"), (("ａ猫", "a猫"), "forms of the same"), (("Straße", "STRASSE"), "capitals"),
        (("Maus ", "maus"), "small letters and capitals and spaces"), (("cat", "c\u0430t"), "different alphabets"),
        (("big cat", "big\u00a0cat"), "they differ in spaces."), (("TOP", "\u03a4\u039f\u03a1"), "different alphabets"),
    ],
)  # fmt: skip
def test_names_that_look_the_same_are_told_with_their_difference(names: tuple[str, str], told: str) -> None:
    [warning] = lookalikes.warnings({names[0]: 12, names[1]: 8, "other": 1})
    assert told in warning and f"{names[0]!r} (12) and {names[1]!r} (8)" in warning and "other" not in warning


def test_names_that_differ_to_the_eye_are_not_told() -> None:
    assert not lookalikes.warnings(dict.fromkeys(("1", "01", "10", "cat", "cats", "kitten", "l", "I", "猫", "犬"), 1))


def test_names_made_of_other_classes_are_told() -> None:
    counts = {"scab": 9, "rust": 9, "scab|rust": 2, "rust scab": 1, "scab, rust": 3, "rust;scab": 1, "late|early": 5}
    [warning] = lookalikes.warnings(counts)
    assert "'scab|rust' (2), 'rust scab' (1), 'scab, rust' (3) and 1 more" in warning and "late" not in warning
    assert not lookalikes.warnings({"fox": 9, "red fox": 9, "a|b": 1, "b|c": 1, " | ": 1, "": 1})


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=8))
def test_any_names_can_be_looked_at(names: list[str]) -> None:
    for warning in lookalikes.warnings(dict.fromkeys(names, 1)):
        assert warning.count("(1)") >= 2
