"""Class names as file names: any name, back again, and none that means something to a path."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcgan.files.names import escape, unescape

# Whatever can stand in a file or a table: all of Unicode but lone surrogates, which are no text.
labels = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(labels)
@example("..%2F")
@example("%2E%2E")
@example("a\n")
@example(".\n")
def test_unescape_undoes_escape(label: str) -> None:
    assert unescape(escape(label)) == label


def test_what_escape_never_writes_is_not_taken_for_a_name() -> None:
    with pytest.raises(UnicodeDecodeError):
        unescape("%FF")


@given(labels, labels)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


@given(labels)
@example("/")
@example("..")
@example("a/../../b")
@example("C:\\x")
@example("\x00")
@example("-rf")
def test_escaped_name_is_one_plain_path_part(label: str) -> None:
    name = escape(label)
    assert PurePosixPath("root", name).parts == ("root", name)
    assert name not in (".", "..") and not re.search(r"[\x00-\x1f/\\:*?\"<>|$`';&]", name)
    assert not name.startswith((".", " ")) and not name.endswith((".", " "))  # hidden, or lost by Windows
    assert re.sub(r"%[0-9A-F]{2}", "", name).count("%") == 0


@pytest.mark.parametrize("label", ["cat", "père Noël", "日本語", "007", "a-b_c (d)", "C++", "e=mc2, really"])
def test_readable_names_stay_readable(label: str) -> None:
    assert escape(label) == label


@given(labels)
def test_escaped_name_can_be_a_file(tmp_path_factory: pytest.TempPathFactory, label: str) -> None:
    name = escape(label[:10])
    folder = tmp_path_factory.mktemp("names")
    (folder / name).write_bytes(b"x")
    assert [path.name for path in folder.iterdir()] == [name]
