"""Text from outside stays text, wherever it is shown."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.flows.markup import without_markup


@given(st.text())
def test_text_is_one_line_without_markup_that_looks_as_it_did(text: str) -> None:
    shown = without_markup(text)
    assert not re.search(r"[<>\[\]*`~@\\\n\r]", shown)
    assert unicodedata.normalize("NFKC", shown) == unicodedata.normalize("NFKC", " ".join(text.split()))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("stop_sign (old), 30 km/h & #3", "stop_sign (old), 30 km/h & #3"),
        ("<img src=x>", "＜img src=x＞"),
        ("![y](javascript:z)", "!［y］(javascript:z)"),
        ("<!channel> @here", "＜!channel＞ ＠here"),
        ("**b** `c` ~~d~~", "＊＊b＊＊ ｀c｀ ～～d～～"),
        ("__init__ _a_b_", "＿＿init＿＿ ＿a_b＿"),
    ],
)
def test_characters_of_markup_give_way_to_those_that_look_alike(name: str, shown: str) -> None:
    assert without_markup(name) == shown
