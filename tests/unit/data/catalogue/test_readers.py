"""Many files are opened in processes: with the same result, whatever becomes of the processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from PIL import Image

from dcgan.config import DataConfig
from dcgan.data.catalogue import opening, readers, scan
from dcgan.data.catalogue.reasons import DAMAGED, UNUSABLE
from dcgan.data.split import read_split
from dcgan.errors import StageError
from dcgan.execution.pool import workers
from tests.conftest import DCGAN
from tests.samples import noise, write_classes, write_noise


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of every kind, so many that processes open them."""
    source = write_classes(tmp_path / "images", {"cat": 60, "dog": 60})
    (source / "cat" / "empty.png").touch()
    (source / "cat" / "text.png").write_text("no image")
    (source / "dog" / "broken.png").symlink_to("nowhere")
    os.mkfifo(source / "dog" / "pipe.png")
    monkeypatch.setattr(readers, "MANY", 100)
    monkeypatch.setattr(readers, "CHUNK", 8)
    return source


def alone(source: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """The table as this process makes it, without others."""
    with monkeypatch.context() as patch:
        patch.setattr(readers, "MANY", 1_000_000)
        return table_of(source)


def table_of(source: Path) -> pd.DataFrame:
    return scan(DataConfig(source=str(source)))[0]


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "dcgan.data.catalogue" in " ".join(child.cmdline())]


def test_processes_find_what_one_process_finds_and_serve_again(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers().end_kept()
    found, serving = table_of(many), children()
    assert len(serving) == len(os.sched_getaffinity(0))
    pd.testing.assert_frame_equal(table_of(many), found)
    assert set(children()) == set(serving)
    workers().end_kept()
    assert not children()
    pd.testing.assert_frame_equal(found, alone(many, monkeypatch))


def test_process_that_died_while_nothing_was_read_is_replaced(many: Path) -> None:
    found = table_of(many)
    for child in children():
        child.kill()
    pd.testing.assert_frame_equal(table_of(many), found)


def test_forked_process_has_readers_of_its_own(many: Path) -> None:
    num_images, serving = len(table_of(many)), children()
    forked = os.fork()
    if not forked:
        try:
            os._exit(len(table_of(many)) == num_images and not set(serving) & set(psutil.Process().children()))
        finally:
            os._exit(77)
    assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 1
    assert len(table_of(many)) == num_images and set(children()) == set(serving)


def test_processes_read_the_pixels_that_one_process_reads(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataConfig(source=str(many), holdout=1e-9)
    images, labels = read_split(data, (12, 10, 3), "train")
    monkeypatch.setattr(readers, "MANY", 1_000_000)
    again, labels_again = read_split(data, (12, 10, 3), "train")
    assert labels == labels_again and len(images) == 120
    assert (images == again).all() and (images[7] == noise(7)).all()


def test_few_large_files_are_worth_processes_too(tmp_path: Path) -> None:
    workers().end_kept()
    task: readers.Task = (opening.File(str(write_noise(tmp_path / "a.png", 0))), [None])
    for num_bytes, expected in ((0, 1), (readers.MANY_BYTES, len(os.sched_getaffinity(0)))):
        replies = readers.answers("inspect", [task] * 2, num_bytes)
        assert next(replies)[0] == 0 and len(children()) <= expected
        assert isinstance(replies, Generator)
        replies.close()
        workers().end_kept()
        assert not children()


def test_processes_that_are_killed_are_replaced_and_no_file_is_lost(
    many: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected, ended = alone(many, monkeypatch), threading.Event()
    killed: set[Path] = set()
    at_work = tmp_path / "at work"
    at_work.mkdir()

    def kill() -> None:
        while not ended.wait(0.01) and len(killed) < 3:
            for file in sorted(set(at_work.iterdir()) - killed)[: 3 - len(killed)]:
                killed.add(file)
                os.kill(int(file.name), signal.SIGKILL)

    before_each = f"open({str(at_work)!r} + '/' + str(os.getpid()), 'w').close(); time.sleep(0.01)"
    monkeypatch.setattr(readers, "COMMAND", _reader(before_each))
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        found = table_of(many)
    finally:
        ended.set()
        killer.join()
    assert len(killed) == 3
    pd.testing.assert_frame_equal(found, expected)


def _reader(before_each: str, at_first: str = "") -> list[str]:
    """A reader process that does something at first, and something before it opens a file."""
    script = f"""
        import os, time
        from dcgan.data.catalogue import opening
        {at_first}

        real = opening.inspect

        def inspect(item, wanted):
            {before_each}
            return real(item, wanted)

        opening.ACTS["inspect"] = inspect
        opening.main()
    """
    return [sys.executable, "-c", textwrap.dedent(script)]


def test_file_that_makes_its_process_crash_is_left_out_alone(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = alone(many, monkeypatch).set_index("path")
    monkeypatch.setattr(readers, "COMMAND", _reader("item.path.endswith('cat/007.png') and os.abort()"))
    found = table_of(many).set_index("path")
    assert found.loc["cat/007.png", ["verdict", "reason", "detail"]].to_list() == [
        "quarantined", DAMAGED, "the process that opened it crashed",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(found.drop("cat/007.png"), expected.drop("cat/007.png"))


def test_file_that_makes_a_single_process_crash_is_left_out_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_classes(tmp_path / "images", {"cat": 5, "dog": 5})
    monkeypatch.setattr(readers, "COMMAND", _reader("item.path.endswith('cat/003.png') and os.abort()"))
    found = table_of(source).set_index("path")
    assert found.loc["cat/003.png", "detail"] == "the process that opened it crashed"
    assert (found.drop("cat/003.png")["verdict"] == "accepted").all()


def test_file_that_takes_too_long_is_left_out_though_its_decoder_never_returns_to_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_classes(tmp_path / "images", {"cat": 5, "dog": 5})
    # Waits in the C library with the interpreter's lock held, as a decoder in an endless loop does.
    endless = "item.path.endswith('cat/003.png') and ctypes.PyDLL(None).sleep(600)"
    monkeypatch.setattr(readers, "COMMAND", _reader(endless, "import ctypes; opening.MAX_SECONDS = 1"))
    began = time.monotonic()
    found = table_of(source).set_index("path")
    assert found.loc["cat/003.png", ["reason", "detail"]].to_list() == [DAMAGED, "opening it took too long"]
    assert (found.drop("cat/003.png")["verdict"] == "accepted").all() and time.monotonic() - began < 30


def test_file_that_needs_more_memory_than_a_process_may_have_is_left_out_and_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_classes(tmp_path / "images", {"cat": 5, "dog": 5})
    Image.new("RGB", (8000, 8000)).save(source / "cat" / "large.png")
    monkeypatch.setattr(readers, "COMMAND", _reader("None", "opening.MAX_MEMORY = 300_000_000"))
    found = scan(DataConfig(source=str(source), image_size=(12, 10)))[0].set_index("path")
    assert found.loc["cat/large.png", ["reason", "sha256"]].to_list() == [UNUSABLE, ""]
    assert "needs more than 0.3 GB" in found.loc["cat/large.png", "detail"]


def test_process_ends_with_the_one_that_started_it_whatever_it_does(tmp_path: Path) -> None:
    reader = _reader("open(item.path + '.begun', 'w').close(); ctypes.PyDLL(None).sleep(600)", "import ctypes")
    source, script = str(write_classes(tmp_path / "images", {"cat": 1})), tmp_path / "script.py"
    script.write_text(
        "from dcgan.data.catalogue import readers, scan\nfrom dcgan.config import DataConfig\n"
        f"readers.COMMAND = {reader!r}\nscan(DataConfig(source={source!r}))\n"
    )
    with subprocess.Popen([sys.executable, str(script)]) as parent:
        deadline = time.monotonic() + 60
        while not (tmp_path / "images" / "cat" / "000.png.begun").exists():
            assert parent.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        [child] = psutil.Process(parent.pid).children()
        parent.kill()
    child.wait(timeout=10)


@pytest.mark.parametrize("many", [False, True])
def test_what_decoders_print_stays_off_the_terminal(tmp_path: Path, many: bool) -> None:
    source = write_classes(tmp_path / "images", {"cat": 5, "dog": 5})
    Image.fromarray(noise(50)).save(tmp_path / "a.tif", compression="tiff_lzw")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[10:40] = bytes(30)
    (source / "cat" / "broken.tif").write_bytes(content)
    script = (
        "from dcgan.data.catalogue import readers, scan; from dcgan.config import DataConfig; "
        f"readers.MANY = {1 if many else 500}; print(len(scan(DataConfig(source={str(source)!r}))[0]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("11\n", "")


def test_process_of_another_version_does_not_leave_anybody_waiting(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = "import sys\nfor line in sys.stdin: print('[]', flush=True)"
    monkeypatch.setattr(readers, "COMMAND", [sys.executable, "-c", older])
    with pytest.raises(StageError, match="does not start"):
        table_of(many)


def test_processes_that_cannot_start_are_told(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "COMMAND", [sys.executable, "-c", "raise SystemExit(1)"])
    with pytest.raises(StageError, match="the process that reads images does not start"):
        table_of(many)


def test_script_that_has_no_main_guard_is_not_run_again(many: Path, tmp_path: Path) -> None:
    # As a user's training script is: `multiprocessing` would run it once more in every process.
    script = tmp_path / "script.py"
    script.write_text(
        "print('once')\nfrom dcgan.data.catalogue import readers, scan\nfrom dcgan.config import DataConfig\n"
        f"readers.MANY = 1\nprint(len(scan(DataConfig(source={str(many)!r}))[0]))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "once\n124\n"


SIGNALS = [("check", signal.SIGINT), ("check", signal.SIGTERM), ("train", signal.SIGINT)]


@pytest.mark.parametrize(("command", "number"), SIGNALS)
def test_signal_while_images_are_read_is_answered_at_once(
    tmp_path: Path, command: str, number: signal.Signals, environment: dict[str, str]
) -> None:
    source = write_classes(tmp_path / "images", {"cat": 1, "dog": 1})
    large: Any = write_noise(source / "cat" / "large.png", 5, 1000, 1000)
    for copy in range(3000):  # a minute of work in no room
        os.link(large, source / "dog" / f"{copy}.png")
    (tmp_path / "job.yaml").write_text("name: j\ndata: {source: images}\n")
    with subprocess.Popen(
        [*DCGAN, command, str(tmp_path / "job.yaml")], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        parent, deadline = psutil.Process(process.pid), time.monotonic() + 60
        while not (at_work := parent.children()):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.5)
        sent = time.monotonic()
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - sent < 5
    assert "run the same command again to resume" in stderr and "Traceback" not in stderr
    assert not any(child.is_running() for child in at_work)
    assert not list(tmp_path.glob("outputs/j/runs/*/catalogue"))
