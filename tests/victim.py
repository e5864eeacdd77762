"""A process that reads releases as a user would, and says what came of each, how long it took and how much it grew.

Run as a module, it answers lines of JSON, `["arrays", "<release>"]`, with such lines. Before it does something for the
first time, it does the same with an honest release, which loads libraries and is not counted.
"""

from __future__ import annotations

import contextlib
import json
import resource
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import dcgan
from dcgan.release.verify import verify
from tests.forging import HONEST

MAX_ADDRESSES = 12 * 2**30  # bytes: what would take more fails here, and does not take the machine along


class Outcome(NamedTuple):
    """What came of a reading."""

    error: str
    """Its class's name; "" when there was none."""
    message: str
    seconds: float
    grown_mb: float
    """By which the process's memory was, at its peak, over what it had before."""


class Victim:
    """The process, which is started again when a reading has killed it, or hangs."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def read(self, act: str, folder: Path, timeout: float = 120) -> Outcome:
        """Let it read a release.

        Raises:
            TimeoutError: it hangs.
        """
        if self._process is None:
            command = [sys.executable, "-m", "tests.victim"]
            root = Path(__file__).parents[1]
            self._process = subprocess.Popen(
                command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
            )
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([act, str(folder)]) + "\n")
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            self.end()
            raise TimeoutError(f"{act} of {folder} takes more than {timeout} s")
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self.end()
            raise AssertionError(f"{act} of {folder} has ended the process: {status}")
        return Outcome(*json.loads(line))

    def end(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._process = None


@contextlib.contextmanager
def victim() -> Iterator[Victim]:
    """A process for the time of the block."""
    process = Victim()
    try:
        yield process
    finally:
        process.end()


def load(folder: Path) -> object:
    return dcgan.load_release(folder).record


def manifest(folder: Path) -> object:
    return dcgan.load_release(folder).manifest


def arrays(folder: Path) -> object:
    return dcgan.load_release(folder).arrays()


def model(folder: Path) -> object:
    from dcgan.execution.determinism import wake_tensorflow  # noqa: PLC0415 (the others need no TensorFlow)

    wake_tensorflow(1)
    from dcgan.release import regenerate  # noqa: PLC0415

    return regenerate.load_model(dcgan.load_release(folder), "01")


ACTS: dict[str, Callable[[Path], object]] = {act.__name__: act for act in (load, manifest, arrays, verify, model)}


def _memory_mb(name: str) -> float:
    """`VmRSS`, memory now, or `VmHWM`, its peak."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    """Answer until standard input ends."""
    known: set[str] = set()
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESSES, MAX_ADDRESSES))
    for line in sys.stdin:
        act, folder = json.loads(line)
        if act not in known:
            ACTS[act](HONEST)
            known.add(act)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before, began = _memory_mb("VmRSS"), time.monotonic()
        error = message = ""
        try:
            ACTS[act](Path(folder))
        except Exception as raised:
            error, message = type(raised).__name__, str(raised)[:2000]
        print(json.dumps([error, message, time.monotonic() - began, _memory_mb("VmHWM") - before]), flush=True)


if __name__ == "__main__":
    main()
