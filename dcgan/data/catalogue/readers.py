"""Opening many input pictures, in processes of their own: as many as there are cores where that pays, else in one.

Decoders crash, hang and print; what they do to a process of their own does no harm. Decoding holds the interpreter's
lock for most of its time, so that threads do not help. The processes are fresh ones that import no TensorFlow and none
of the user's script, as `multiprocessing` would.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import site
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Any

from dcgan.data.catalogue.opening import ACTS, READY, Item, close_arrays
from dcgan.errors import StageError
from dcgan.execution import interruption
from dcgan.execution.child import Child
from dcgan.execution.pool import workers

MANY = 500  # files from which on several processes pay: starting one takes as long as opening some hundred small files
MANY_BYTES = 64_000_000  # the same for few large ones
CHUNK = 64  # files that are asked for at a time: some hundredths of a second
TITLE = "reading images"
_ROOT = str(Path(__file__).parents[3])  # of this very package, which may be another than what is installed
_SCRIPT = "import sys; sys.path[:0] = sys.argv[1:]; from dcgan.data.catalogue.opening import main; main()"
COMMAND = [sys.executable, "-P", "-c", _SCRIPT, *({_ROOT} - {*site.getsitepackages(), site.getusersitepackages()})]
# Threads of linear algebra would only take address space.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

Task = tuple[Item, list[Any]]  # a picture, and what its act takes beside it


class Lost(StrEnum):
    """What became of a process, instead of an answer."""

    CRASHED = "the process that opened it crashed"
    TOO_SLOW = "opening it took too long"


def answers(act: str, tasks: Sequence[Task], num_bytes: int) -> Iterator[tuple[int, Any]]:
    """Do one act to many pictures.

    Args:
        act: one of `opening.ACTS`.
        tasks: pictures, and the act's other arguments.
        num_bytes: of all pictures together, about.

    Yields:
        Number of the task and what the act gave, in any order; a `Lost` where a file made its process end.

    Raises:
        Interrupted: the run was stopped.
        StageError: no process could be started.
    """
    elsewhere = [number for number, (item, _) in enumerate(tasks) if item.address() is not None]
    if elsewhere:
        pays = len(elsewhere) >= MANY or num_bytes >= MANY_BYTES
        yield from _in_processes(act, tasks, elsewhere, len(os.sched_getaffinity(0)) if pays else 1)
    try:
        for number in sorted(set(range(len(tasks))) - set(elsewhere)):  # arrays, for which no decoder is needed
            interruption.raise_if_requested(TITLE)
            item, arguments = tasks[number]
            yield number, ACTS[act](item, *arguments)
    finally:
        close_arrays()


def _in_processes(
    act: str, tasks: Sequence[Task], numbers: Sequence[int], num_processes: int
) -> Iterator[tuple[int, Any]]:
    chunks = deque(numbers[start : start + CHUNK] for start in range(0, len(numbers), CHUNK))
    found: queue.SimpleQueue[list[tuple[int, Any]] | BaseException] = queue.SimpleQueue()
    given_up = threading.Event()
    readers = [_Reader() for _ in range(num_processes)]

    def serve(reader: _Reader) -> None:
        try:
            while not given_up.is_set() and (chunk := _next(chunks)):
                replies, lost = reader.ask([[act, tasks[n][0].address(), *tasks[n][1]] for n in chunk])
                done = list(zip(chunk, replies, strict=False))
                if lost is not None:
                    over, *rest = chunk[len(replies) :]
                    if lost is Lost.TOO_SLOW or len(chunk) == 1:
                        done.append((over, lost))
                    else:  # it may have been killed by somebody: does it happen again?
                        chunks.append([over])
                    if rest:
                        chunks.append(rest)
                found.put(done)
            reader.keep()
        except BaseException as error:
            reader.close()
            found.put(error)

    num_left = len(numbers)
    with ThreadPoolExecutor(len(readers)) as pool:
        try:
            for reader in readers:
                pool.submit(serve, reader)
            while num_left:
                some = found.get()
                if isinstance(some, BaseException):
                    raise some
                num_left -= len(some)
                yield from some
        finally:
            if num_left:  # the caller wants no more, or a reader has failed
                given_up.set()
                for reader in readers:
                    reader.stop()


def _next(chunks: deque[Sequence[int]]) -> Sequence[int]:
    with contextlib.suppress(IndexError):
        return chunks.popleft()
    return []


class _Reader:
    """One reader process, started when it is first asked, and again after it ended over a file."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._use = tuple(COMMAND)
        self._lock = threading.Lock()
        self._stopped = False

    def ask(self, requests: list[list[Any]]) -> tuple[list[Any], Lost | None]:
        """Replies to requests in their order, and what became of the process, where it ended over the next one.

        Raises:
            Interrupted: the run was stopped.
            StageError: it did not start.
        """
        child = self._child or workers().kept(self._use) or self._start()
        self._child = child
        child.tell(requests)
        replies: list[Any] = []
        while len(replies) < len(requests) and (reply := child.hear()) is not None:
            replies.append(reply)
        if len(replies) == len(requests):
            return replies, None
        status = self.close()
        interruption.raise_if_requested(TITLE)
        return replies, Lost.TOO_SLOW if status == -signal.SIGALRM else Lost.CRASHED

    def _start(self) -> Child:
        self._child = child = workers().start(self._use, TITLE, environment=ENVIRONMENT)
        child.tell([])  # it says that it is ready unasked; one of another version, installed meanwhile, may wait
        if child.hear() != READY:
            self.close()
            interruption.raise_if_requested(TITLE)
            raise StageError(f"the process that reads images does not start: {shlex.join(self._use)}")
        return child

    def stop(self) -> None:
        """End it now, from another thread than asks."""
        with self._lock:
            self._stopped = True
            if child := self._child:
                child.stop()

    def keep(self) -> None:
        """Leave it to whoever reads images next, unless it was stopped."""
        with self._lock:
            if self._child and not self._stopped:
                workers().keep(self._child, self._use)
                self._child = None
        self.close()

    def close(self) -> int:
        """Let it end, wait for that, and give its status."""
        child, self._child = self._child, None
        return workers().close(child) if child is not None else 0
