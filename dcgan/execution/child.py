"""Child processes that exchange JSON with their parent, one value a line: the parent's end, and the child's.

The parent writes to the child's standard input and reads its standard output. A child ends with its parent, however
the parent ends, and what it leaves in TMPDIR is removed with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dcgan.execution.temporary import TemporaryFolder

GRACE_SECONDS = 5.0  # that a child has to end before it is killed
LOG_TAIL = 1500  # characters of a dead child's log that messages show
F_SETSIG = 10  # of Linux's <fcntl.h>, which the module `fcntl` does not have
LAUNCHER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py"))]


class Child:
    """A child process, seen from its parent. Any thread may call `stop`; all else is for one thread at a time."""

    def __init__(
        self, command: Sequence[str], *, log: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it.

        Args:
            command: program, as an absolute path, and its arguments.
            log: file that its messages are appended to; None: they are dropped.
            environment: variables in addition to those of this process.
        """
        self.log = log
        """The file whose end `last_words` quotes; a child may be asked to write to another one."""
        self._temporary = TemporaryFolder()
        self._tie = _Tie()
        variables = {**os.environ, "TMPDIR": str(self._temporary.path), **(environment or {})}
        if sys.platform == "linux":
            command = [*LAUNCHER, str(os.getpid()), *command]
        try:
            # Linux takes the thread that started a process for its parent, so it must live as long as this process.
            self._process = _starter().submit(_start, command, log, variables, self._tie).result()
        except BaseException:
            self._tie.cut()
            self._temporary.remove()
            raise

    def tell(self, value: Any) -> None:
        """Send it a value. If it has died, `hear` returns None."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(value) + "\n")
            self._process.stdin.flush()

    def hear(self) -> Any:
        """Wait for its next value; None if it has ended, even in the middle of a line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    @property
    def is_alive(self) -> bool:
        """Whether it is still running."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it and everything it has started, without waiting. If it does not end soon, it is killed."""
        self._signal(signal.SIGTERM)
        timer = threading.Timer(GRACE_SECONDS, self._signal, [signal.SIGKILL])  # it may be stopped, or not listen
        timer.daemon = True
        timer.start()

    def close(self) -> int:
        """Close its standard input, upon which it ends, and wait for it. If it does not end soon, it is killed.

        Returns:
            Its exit status, or minus the number of the signal that ended it.
        """
        with contextlib.suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        try:
            status = self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            status = self._process.wait()
        self._tie.cut()
        self._temporary.remove()
        return status

    def last_words(self, status: int) -> str:
        """How it died, in a sentence, with the end of its log.

        Args:
            status: from `close`.
        """
        how = f"its process ended with status {status}"
        if status < 0:
            how = f"its process was ended by signal {signal.Signals(-status).name}"
        if status == -signal.SIGKILL:
            how = "its process was killed, most often because the machine ran out of memory"
        if self.log is None:
            return how
        tail = self.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].strip()
        return f"{how}. Its log {self.log} ends: {tail or '(empty)'}"

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.is_alive:  # else its group's number may be in use by another by now
                os.killpg(self._process.pid, number)


class _Tie:
    """A pipe to a child: when this process ends, so does the pipe, and the system kills the child. Linux only.

    The launcher asks the system for the same, but only once the child runs it. A child that is stopped in its first
    milliseconds never gets there, and would outlive its parent; this needs nothing from the child.
    """

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        _ties.add(self)

    @property
    def inherited(self) -> list[int]:
        """Descriptors that the child must inherit."""
        return [self._reading]

    def fasten(self, pid: int) -> None:
        """From now on, the child is killed when nobody holds the writing end any more, even if it is stopped."""
        if sys.platform == "linux":
            fcntl.fcntl(self._reading, fcntl.F_SETOWN, pid)
            fcntl.fcntl(self._reading, F_SETSIG, signal.SIGKILL)
            flags = fcntl.fcntl(self._reading, fcntl.F_GETFL)
            fcntl.fcntl(self._reading, fcntl.F_SETFL, flags | os.O_ASYNC)

    def cut(self) -> None:
        """Close the pipe. In a process forked from this one, that does nothing to the child."""
        if self in _ties:
            _ties.discard(self)
            os.close(self._reading)
            os.close(self._writing)


_ties: set[_Tie] = set()


def _cut_all() -> None:
    for tie in tuple(_ties):
        tie.cut()


os.register_at_fork(after_in_child=_cut_all)  # else it would keep its parent's children alive


def _start(
    command: Sequence[str], log: Path | None, environment: Mapping[str, str], tie: _Tie
) -> subprocess.Popen[str]:
    with log.open("ab") if log else open(os.devnull, "wb") as messages:  # noqa: PTH123 (not a real file)
        # A group of its own: Ctrl-C then reaches only the parent, which ends the child.
        process = subprocess.Popen(  # noqa: S603 (Python, and modules of ours)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            env=environment,
            encoding="utf-8",
            process_group=0,
            pass_fds=tie.inherited,
        )
    tie.fasten(process.pid)
    return process


@functools.cache
def _starter() -> ThreadPoolExecutor:
    """A thread that lives as long as this process."""
    return ThreadPoolExecutor(1, "children")


os.register_at_fork(after_in_child=_starter.cache_clear)  # a process that was forked has no such thread


def open_channel() -> Callable[[Any], None]:
    """In a child: returns a function that sends a value to the parent.

    From now on standard output serves that alone, and what libraries print there goes to standard error. A child whose
    parent has ended ends when it sends.
    """
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    parent = os.getppid()

    def say(value: Any) -> None:
        if os.getppid() != parent:  # nobody listens; only on Linux does the system end this process
            os._exit(1)
        channel.write(json.dumps(value) + "\n")
        channel.flush()

    return say


def next_message() -> Any:
    """In a child: wait for the parent's next value; None if there are no more."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None
