"""Locks hold against other processes, and are free when their holder ends, however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcgan.errors import BusyError, Interrupted, StorageError
from dcgan.execution import interruption
from dcgan.files import locks
from tests.small_disk import small_disk


def test_lock_holds_on_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        (disk / "lock").touch()
        with (disk / "ballast").open("ab", buffering=0) as ballast, pytest.raises(OSError, match="No space left"):
            while True:
                ballast.write(b"x" * 4096)
        with locks.exclusive_lock(disk / "lock"), pytest.raises(BusyError), locks.exclusive_lock(disk / "lock"):
            pass


def test_lock_below_a_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match=r"Not a directory|File exists"),
        locks.exclusive_lock(tmp_path / "file" / "lock"),
    ):
        pass


def test_lock_is_refused_to_a_second_process_which_is_told_who_has_it(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib; from dcgan.files.locks import exclusive_lock; from dcgan.errors import BusyError\n"
        "try:\n    with exclusive_lock(pathlib.Path(sys.argv[1])): print('got it')\n"
        "except BusyError as error: print(error)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "deep" / "lock")]
    with locks.exclusive_lock(tmp_path / "deep" / "lock"):
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"pid {os.getpid()}" in told and "Wait until it ends" in told
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "got it\n"


def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib; from dcgan.files.locks import exclusive_lock\n"
        "with exclusive_lock(pathlib.Path(sys.argv[1])):\n    print('got it', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "got it\n"
        with pytest.raises(BusyError, match=f"pid {process.pid}"), locks.exclusive_lock(tmp_path / "lock"):
            pass
        process.kill()
        process.wait()
    with locks.exclusive_lock(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


@contextmanager
def held_by_another_process(lock: Path) -> Iterator[None]:
    script = (
        "import sys, pathlib; from dcgan.files.locks import waiting_lock\n"
        "with waiting_lock(pathlib.Path(sys.argv[1])):\n    print('got it', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "got it\n"
        yield


def test_wait_for_a_lock_ends_when_it_is_free_or_when_the_run_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interruption, "_state", interruption._State())
    lock = tmp_path / "deep" / "lock"
    with held_by_another_process(lock):
        timer = threading.Timer(0.5, interruption.request)
        timer.start()
        with (
            pytest.raises(Interrupted, match="the wait for another process"),
            locks.waiting_lock(lock),
        ):
            pass
        timer.join()
    monkeypatch.setattr(interruption, "_state", interruption._State())
    with locks.waiting_lock(lock):
        pass
