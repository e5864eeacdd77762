"""Processes that are spoken with in JSON, one value a line: the parent's end, and the child's.

The parent writes to the child's standard input and reads its standard output. A child ends with its parent, however
that ends, and what it leaves in TMPDIR goes with it.
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
    """A process, as its parent has it. Any thread may call `stop`, the others are for one thread at a time."""

    def __init__(
        self, command: Sequence[str], *, log: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it.

        Args:
            command: program, as an absolute path, and its arguments.
            log: file that its messages are appended to; None: they are lost.
            environment: variables, over those of this process.
        """
        self.log = log
        """The file that `last_words` looks at; a child may be asked to write to another one."""
        self._temporary = TemporaryFolder()
        self._tie = _Tie()
        variables = {**os.environ, "TMPDIR": str(self._temporary.path), **(environment or {})}
        if sys.platform == "linux":
            command = [*LAUNCHER, str(os.getpid()), *command]
        try:
            # To Linux a process's parent is the thread that started it: one that ends when this process does.
            self._process = _starter().submit(_start, command, log, variables, self._tie).result()
        except BaseException:
            self._tie.cut()
            self._temporary.remove()
            raise

    def tell(self, value: Any) -> None:
        """Say something to it. If it is dead, `hear` tells."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(value) + "\n")
            self._process.stdin.flush()

    def hear(self) -> Any:
        """What it says next, once it does; None when it has ended, or was ended in the middle of a line."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it and what it has started, without waiting: when it does not end by itself soon, it is killed."""
        self._signal(signal.SIGTERM)
        timer = threading.Timer(GRACE_SECONDS, self._signal, [signal.SIGKILL])  # it may be stopped, or not listen
        timer.daemon = True
        timer.start()

    def close(self) -> int:
        """Close its standard input, at which it ends, and wait until it has; it is killed when it does not soon.

        Returns:
            The status that it ended with, or less than 0, minus the signal that ended it.
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
        """How it died, as a sentence, and the end of its log.

        Args:
            status: see `close`.
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
            if self.is_alive:  # and so the number of its group is not another's by now
                os.killpg(self._process.pid, number)


class _Tie:
    """A pipe from this process to a child, at whose end the system kills the child. Linux only; elsewhere nothing.

    The launcher asks the system for the same, but only once the child has come to run it. A child that is stopped in
    its first milliseconds never does, and would outlive its parent for ever; this needs nothing from the child.
    """

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        _ties.add(self)

    @property
    def inherited(self) -> list[int]:
        """Descriptors that the child has to have."""
        return [self._reading]

    def fasten(self, pid: int) -> None:
        """From now on, when nobody has the writing end any more, the child is killed, even if it is stopped."""
        if sys.platform == "linux":
            fcntl.fcntl(self._reading, fcntl.F_SETOWN, pid)
            fcntl.fcntl(self._reading, F_SETSIG, signal.SIGKILL)
            flags = fcntl.fcntl(self._reading, fcntl.F_GETFL)
            fcntl.fcntl(self._reading, fcntl.F_SETFL, flags | os.O_ASYNC)

    def cut(self) -> None:
        """Let go of the pipe. In a process that was forked from this one, that does nothing to the child."""
        if self in _ties:
            _ties.discard(self)
            os.close(self._reading)
            os.close(self._writing)


_ties: set[_Tie] = set()


def _cut_all() -> None:
    for tie in tuple(_ties):
        tie.cut()


os.register_at_fork(after_in_child=_cut_all)  # or it would keep the children of its parent alive


def _start(
    command: Sequence[str], log: Path | None, environment: Mapping[str, str], tie: _Tie
) -> subprocess.Popen[str]:
    with log.open("ab") if log else open(os.devnull, "wb") as messages:  # noqa: PTH123 (no file of anybody's)
        # A group of its own, so that Ctrl-C reaches the parent alone, which then ends it.
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
    """One thread that lives as long as this process."""
    return ThreadPoolExecutor(1, "children")


os.register_at_fork(after_in_child=_starter.cache_clear)  # a process that was forked has no such thread


def open_channel() -> Callable[[Any], None]:
    """In a child: what says a value to the parent.

    Standard output is for that alone from now on; what libraries print there goes to standard error. Who speaks to a
    parent that has ended ends too.
    """
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    parent = os.getppid()

    def say(value: Any) -> None:
        if os.getppid() != parent:  # nobody listens; the system ends us by itself on Linux only
            os._exit(1)
        channel.write(json.dumps(value) + "\n")
        channel.flush()

    return say


def next_message() -> Any:
    """In a child: what the parent says next, once it does; None when it has no more to say."""
    line = sys.stdin.readline()
    return json.loads(line) if line else None
