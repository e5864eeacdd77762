"""The help is whole and grouped, at any width; the shell completes; what is piped has no colours."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from dcgan.cli.groups import GROUPS
from dcgan.cli.main import commands
from tests.conftest import DCGAN, Finished

CONTEXT = click.Context(commands, info_name="dcgan")
NAMES = commands.list_commands(CONTEXT)
PATH = f"{Path(DCGAN[0]).parent}:{os.environ['PATH']}"
ESCAPE = "\x1b"


def shown(*arguments: str | Path, columns: int) -> str:
    """What a command prints in a terminal of this width."""
    controller, terminal = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm-256color"}
    with subprocess.Popen([*DCGAN, *map(str, arguments)], stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        told = b""
        while chunk := _read(controller):
            told += chunk
        process.wait()
    os.close(controller)
    return told.decode().replace("\r\n", "\n")


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 4096)
    except OSError:  # what Linux says when the other end is closed
        return b""


def completed(*words: str) -> list[str]:
    """What bash offers for the last word."""
    bash = shutil.which("bash")
    assert bash
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"""
        eval "$(_DCGAN_COMPLETE=bash_source dcgan)"
        COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}
        _dcgan_completion dcgan
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = os.environ | {"PATH": PATH}
    done = subprocess.run(
        [bash, "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_every_command_is_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == NAMES


@pytest.mark.parametrize("columns", [80, 200])
def test_summaries_are_whole_and_lines_are_no_wider_than_the_terminal(columns: int) -> None:
    told = shown("--help", columns=columns)
    assert max(map(len, told.splitlines())) <= columns and "..." not in told.replace("[ARGS]...", "")
    for heading, names in GROUPS.items():
        section = told.partition(f"\n{heading}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines()] == list(names)


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_has_examples_that_the_command_line_takes(name: str) -> None:
    command = commands.get_command(CONTEXT, name)
    assert command is not None
    text = command.get_help(click.Context(command, info_name=f"dcgan {name}", max_content_width=80))
    assert max(map(len, text.splitlines())) <= 80
    lines = re.findall(rf"^    dcgan {name} (.*)$", text, re.MULTILINE)
    assert "  Example" in text and lines
    for line in lines:
        arguments = [part.strip('"') for part in re.findall(r'"[^"]*"|\S+', line)]
        command.make_context(f"dcgan {name}", arguments)  # raises UsageError where it is none


def test_what_is_piped_has_no_escape_sequences(finished: Finished) -> None:
    outputs = finished.release.parents[1]
    for arguments in (["--help"], ["history", outputs], ["report", finished.release], ["nonsense"]):
        done = subprocess.run([*DCGAN, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert ESCAPE not in done.stdout + done.stderr
    assert ESCAPE in shown("history", outputs, columns=120)  # a table's heading, in a terminal


def test_bash_completes_commands_options_and_keys() -> None:
    assert completed("dcgan", "re") == ["regenerate", "release", "report"]
    assert completed("dcgan", "run", "--re") == ["--rehash"]
    assert completed("dcgan", "run", "job.yaml", "--set", "training.w") == ["training.width="]


@pytest.mark.parametrize(("slip", "meant"), [("rnu", "run"), ("histroy", "history")])
def test_a_command_that_is_nearly_one_names_it(slip: str, meant: str) -> None:
    done = subprocess.run([*DCGAN, slip], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and f"Did you mean '{meant}'?" in done.stderr
