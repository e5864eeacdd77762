"""Whatever work is doing, a signal ends the process that does it, with the status and the line that it promises."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence

import pytest

from dcgan.cli.stopping import INTERRUPTED

# As a command does its work: `main` runs it, ends the process and says how it ended.
HEAD = """
    import signal, sys, time
    from dcgan.cli import main, stopping
    from dcgan.execution import interruption

    stopping.GRACE_SECONDS = 2.0

    def begun():
        print("begun", flush=True)

    def never_stops():
        begun()
        while True:
            time.sleep(0.01)

    def stops():
        begun()
        while True:
            time.sleep(0.01)
            interruption.raise_if_requested("the work")

    def is_done_all_the_same():
        begun()
        while not interruption.is_requested():
            time.sleep(0.01)
        return 3

    def fails_when_it_is_stopped():
        begun()
        while not interruption.is_requested():
            time.sleep(0.01)
        raise OSError("what it needs is gone")

    def fails():
        begun()
        raise stopping.Interrupted("another machine took over")
"""
RUN = """
    sys.modules["dcgan.cli.main"].commands.main = lambda *_, **__: stopping.until_stopped({work})
    main([])
"""


def end_of(work: str, signals: Sequence[signal.Signals], before: str = "", shell: str = "") -> tuple[int, str, float]:
    """How a process that does some work ends upon signals, half a second apart: status, last line, seconds since."""
    script = textwrap.dedent(HEAD) + before + textwrap.dedent(RUN.format(work=work))
    command = [sys.executable, "-c", script]
    if shell:
        command = ["sh", "-c", f'{shell}; exec "$@"', "sh", *command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        began = time.monotonic()
        for number in signals:
            process.send_signal(number)
            time.sleep(0.5)
        _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr, stderr
    return process.returncode, stderr.strip(), time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("work", ["stops", "fails_when_it_is_stopped"])
def test_work_that_stops_ends_the_process_with_130(work: str, number: signal.Signals) -> None:
    status, told, _ = end_of(work, [number])
    assert (status, told) == (130, INTERRUPTED)


def test_work_that_does_not_stop_is_left_behind_after_a_while() -> None:
    status, told, seconds = end_of("never_stops", [signal.SIGTERM])
    assert (status, told) == (130, INTERRUPTED) and seconds > 1.9


def test_second_signal_ends_it_at_once() -> None:
    before = "stopping.GRACE_SECONDS = 60\n"
    status, told, seconds = end_of("never_stops", [signal.SIGTERM, signal.SIGINT], before)
    assert (status, told) == (130, INTERRUPTED) and seconds < 30


def test_work_that_is_done_when_the_signal_comes_counts() -> None:
    assert end_of("is_done_all_the_same", [signal.SIGTERM])[:2] == (3, "")


def test_work_that_was_stopped_by_somebody_else_says_by_whom() -> None:
    assert end_of("fails", [])[:2] == (130, "another machine took over")


def test_ctrl_c_that_a_shell_has_let_it_ignore_stays_ignored_and_sigterm_does_not() -> None:
    status, told, seconds = end_of("stops", [signal.SIGINT, signal.SIGTERM], shell='trap "" INT')
    assert (status, told) == (130, INTERRUPTED) and seconds > 0.4


def test_signal_while_the_process_ends_changes_nothing_of_its_status() -> None:
    before = "import atexit\natexit.register(lambda: (begun(), time.sleep(60)))\n"
    work = "lambda: 3"
    status, told, seconds = end_of(work, [signal.SIGTERM], before)
    assert (status, told) == (3, "") and seconds < 30
