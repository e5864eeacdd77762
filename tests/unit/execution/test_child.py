"""Children are spoken with, end when they are told to whatever they are doing, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from dcgan.execution import child, temporary
from dcgan.execution.child import Child
from dcgan.execution.temporary import TemporaryFolder, remove_abandoned

# What says of itself that it has begun, and then is busy in native code that no signal's handler interrupts.
BUSY = "say('busy'); re.match('(a+)+$', 'a' * 64 + 'b')"


def python(script: str) -> list[str]:
    """A child that runs a script, with `say` and `next_message` at hand."""
    head = "import os, re, signal, sys, tempfile, time\nfrom dcgan.execution.child import next_message, open_channel\n"
    return [sys.executable, "-c", head + "say = open_channel()\n" + textwrap.dedent(script)]


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@contextmanager
def started(script: str, log: Path | None = None) -> Iterator[Child]:
    one = Child(python(script), log=log)
    try:
        yield one
    finally:
        one.stop()
        one.close()


def gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_values_go_both_ways_and_prints_of_libraries_do_not_mix_with_them(tmp_path: Path) -> None:
    script = """
        print("of a library")
        os.system("echo of a program")
        while (told := next_message()) is not None:
            say({"told": told})
    """
    with started(script, tmp_path / "log") as one:
        values: list[Any] = [{"a": "日本\\n"}, [], "x" * 100_000]
        for value in values:
            one.tell(value)
            assert one.hear() == {"told": value}
        assert one.close() == 0
    assert sorted((tmp_path / "log").read_text().splitlines()) == ["of a library", "of a program"]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("sys.exit(3)", "its process ended with status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "its process was killed, most often because"),
        ("os.abort()", "its process was ended by signal SIGABRT"),
    ],
)
def test_end_without_a_word_is_told_with_the_last_lines_of_its_log(tmp_path: Path, script: str, told: str) -> None:
    with started("print('the last words', file=sys.stderr, flush=True); " + script, tmp_path / "log") as one:
        assert one.hear() is None
        one.tell("are you there?")
        assert one.last_words(one.close()).startswith(told)
        assert one.last_words(one.close()).endswith(f". Its log {tmp_path / 'log'} ends: the last words")


def test_half_a_line_is_nothing() -> None:
    one = Child([sys.executable, "-c", "import os; os.write(1, b'{\"half'); os.abort()"])
    assert one.hear() is None and one.close() == -signal.SIGABRT


@pytest.mark.parametrize("state", ["stopped", "deaf", "busy"])
def test_child_that_does_not_end_by_itself_is_killed_after_a_while(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GRACE_SECONDS", 1.0)
    script = {
        "stopped": "say('here'); time.sleep(600)",
        "deaf": "signal.signal(signal.SIGTERM, signal.SIG_IGN); say('here'); time.sleep(600)",
        "busy": f"signal.signal(signal.SIGTERM, lambda *_: None); {BUSY}",
    }[state]
    one = Child(python(script))
    assert one.hear()
    if state == "stopped":
        os.kill(one._process.pid, signal.SIGSTOP)
    began = time.monotonic()
    one.stop()
    assert one.hear() is None
    seconds, status = time.monotonic() - began, one.close()
    if state == "stopped":  # some systems end a stopped process upon SIGTERM too
        assert status in (-signal.SIGTERM, -signal.SIGKILL) and seconds < 10
    else:
        assert status == -signal.SIGKILL and 0.9 < seconds < 10


def test_closing_waits_for_no_child_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GRACE_SECONDS", 1.0)
    one = Child(python("say('here'); next_message()"))
    assert one.hear() == "here"
    os.kill(one._process.pid, signal.SIGSTOP)
    assert one.close() == -signal.SIGKILL


def test_what_a_child_has_started_ends_with_it() -> None:
    with started("import subprocess; say(subprocess.Popen(['sleep', '600']).pid); time.sleep(600)") as one:
        grandchild = one.hear()
        one.stop()
        assert gone(grandchild, 10)


def test_child_outlives_the_thread_that_started_it() -> None:
    made: list[Child] = []

    def start() -> None:
        made.append(Child(python("say('here'); say(next_message())")))
        assert made[0].hear() == "here"

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    time.sleep(0.5)
    made[0].tell("still here")
    assert made[0].hear() == "still here" and made[0].close() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
@pytest.mark.parametrize("state", ["stopped", "busy", "starting", "stopped while it starts"])
def test_child_ends_with_its_killed_parent_whatever_it_is_doing(state: str) -> None:
    script = "time.sleep(600)" if state != "busy" else BUSY.replace("say('busy'); ", "")
    parent = f"""
        import os, psutil, signal, sys, time
        from dcgan.execution import child
        if {state == "stopped while it starts"}:
            child.LAUNCHER = [sys.executable, "-c", "import time; time.sleep(600)"]  # one that is not done yet
        one = child.Child({python("say('here'); " + script)!r})
        {"" if "start" in state else "assert one.hear() == 'here'"}
        if {"stopped" in state}:
            os.kill(one._process.pid, signal.SIGSTOP)
            while psutil.Process(one._process.pid).status() != psutil.STATUS_STOPPED:
                time.sleep(0.01)
        print(one._process.pid, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
        assert gone(pid, 10)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_processes_forked_from_the_parent_do_not_keep_its_child_alive() -> None:
    parent = f"""
        import os, signal, sys, time
        from dcgan.execution import child
        child.LAUNCHER = [sys.executable, "-c", "import time; time.sleep(600)"]
        one = child.Child({python("")!r})
        os.kill(one._process.pid, signal.SIGSTOP)
        if not (forked := os.fork()):
            time.sleep(600)
        print(one._process.pid, forked, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(parent)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid, forked = map(int, process.stdout.readline().split())
        time.sleep(0.5)  # the fork has let go by then, and that alone ended nothing
        assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
        process.kill()
        try:
            assert gone(pid, 10)
        finally:
            os.kill(forked, signal.SIGKILL)


def test_children_leave_no_descriptors_behind() -> None:
    def count() -> int:
        return psutil.Process().num_fds()

    with started("say('here')") as one:
        one.hear()
    before = count()
    for _ in range(5):
        with started("say('here')") as one:
            one.hear()
    assert count() == before


def test_what_is_left_in_the_temporary_folder_goes_with_a_killed_child(tmp_path: Path) -> None:
    with started("say(tempfile.mkstemp()[1]); time.sleep(600)") as one:
        file = Path(one.hear())
        assert file.exists() and file.is_relative_to(tmp_path)
        os.kill(one._process.pid, signal.SIGKILL)
        one.close()
        assert not list(tmp_path.iterdir())


def test_child_that_cannot_be_started_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="log"):
        Child(python(""), log=tmp_path / "not there" / "log")
    assert not list(tmp_path.iterdir())


def test_folders_of_killed_parents_are_removed_and_no_others(tmp_path: Path) -> None:
    script = "import time; from dcgan.execution.temporary import TemporaryFolder\n"
    script += "made = TemporaryFolder(); print(made.path, flush=True); (made.path / 'x').touch(); time.sleep(600)"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    (tmp_path / f"{temporary.PREFIX}link").symlink_to(elsewhere)
    (tmp_path / f"{temporary.PREFIX}file").touch()
    of_others = tmp_path / "dcgan-postgres-1"
    of_others.mkdir()
    mine = TemporaryFolder()
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        of_another = Path(process.stdout.readline().strip())
        remove_abandoned()
        assert of_another.exists() and mine.path.exists()
        process.kill()
    remove_abandoned()
    assert not of_another.exists() and mine.path.exists()
    assert [file.name for file in elsewhere.iterdir()] == ["kept"] and of_others.exists()
    mine.remove()
    assert not mine.path.exists()
