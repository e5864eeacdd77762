"""What is printed is text and nothing else, whatever classes, files and releases are called."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dcgan import terminal
from tests.samples import write_classes

Dcgan = Callable[..., subprocess.CompletedProcess[str]]

TITLE = "\x1b]0;owned\x07"  # sets a terminal's title
CLEAR = "\x1b[2J\x9b31m"  # clears it, and then writes in red


def controls(text: str) -> set[str]:
    return {
        character
        for character in text
        if (character < " " and character not in "\t\n") or "\x7f" <= character <= "\x9f"
    }


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\x1b[31mb\x1b[0mc", "abc"),
        (f"a{TITLE}b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x9b2Jb", "ab"),
        ("a\x1bP1$r0m\x1b\\b", "ab"),
        ("a\x1b]never ended", "a]never ended"),
        ("a\rb\bc\x1bd\x00", "abcd"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("père Noël 🐈 日本語", "père Noël 🐈 日本語"),
        ("half \ud83d", "half ?"),
    ],
)
def test_control_sequences_go_and_text_stays(text: str, left: str) -> None:
    assert terminal.plain(text) == left


@given(st.text(st.characters()))
def test_no_control_character_is_left(text: str) -> None:
    assert not controls(terminal.plain(text))


def test_names_reach_no_terminal_as_commands(dcgan: Dcgan, tmp_path: Path) -> None:
    cat, dog = f"cat{TITLE}", f"[bold]dog{CLEAR}:cat:"
    write_classes(tmp_path / "images", {cat: 30, dog: 30})
    (tmp_path / "images" / cat / f"empty{CLEAR}.png").touch()
    values = {"name": "pets", "data": {"source": "images"}, "generation": {"per_class": {cat: 5}}}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(values))
    told = dcgan("check", tmp_path / "job.yaml", "--no-timing")
    assert told.returncode == 0 and not controls(told.stderr + told.stdout)
    assert "│ cat " in told.stderr and "│ [bold]dog:cat: " in told.stderr
    assert "  cat/empty.png: empty file" in told.stderr
    known = dcgan("check", tmp_path / "job.yaml", "--no-timing", "--json")
    assert not controls(known.stderr + known.stdout)
    assert set(json.loads(known.stdout)["catalogue"]["classes"]) == {cat, dog}  # programs get the names as they are
    missing = dcgan("verify", tmp_path / f"no{CLEAR}release")
    assert missing.returncode == 1 and not controls(missing.stderr) and "norelease is not a release" in missing.stderr


def test_library_is_shown_as_lines_while_a_command_works_and_not_after(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("dcgan.files.transfers")
    with terminal.display.live():
        log.info("Fetching %s", "3 files")
        log.warning("cannot reach it%s", CLEAR)
        log.debug("of no interest")
    log.info("silence")
    assert capsys.readouterr().err == "Fetching 3 files\nWarning: cannot reach it\n"
    assert not logging.getLogger("dcgan").handlers and logging.getLogger("dcgan").propagate
