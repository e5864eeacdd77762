"""Opening many input pictures, in as many processes as there are cores where that pays.

Decoding holds the interpreter's lock for most of its time, so that threads do not help. The processes are fresh ones
that import no TensorFlow and none of the user's script, as `multiprocessing` would.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import sys
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dcgan.data.catalogue.opening import ACTS, File, Item, close_arrays
from dcgan.errors import StageError
from dcgan.execution import interruption
from dcgan.execution.child import Child
from dcgan.execution.pool import workers

MANY = 500  # files from which on processes pay: starting them takes as long as opening some hundred small files
MANY_BYTES = 64_000_000  # the same for few large ones
CHUNK = 64  # files that are asked for at a time: some hundredths of a second
TITLE = "reading images"
COMMAND = [sys.executable, "-m", "dcgan.data.catalogue.opening"]

Task = tuple[Item, list[Any]]  # a picture, and what its act takes beside it


def answers(act: str, tasks: Sequence[Task], num_bytes: int) -> Iterator[tuple[int, Any]]:
    """Do one act to many pictures.

    Args:
        act: one of `opening.ACTS`.
        tasks: pictures, and the act's other arguments.
        num_bytes: of all pictures together, about.

    Yields:
        Number of the task and what the act gave, in any order; None where a file made its process crash.

    Raises:
        Interrupted: the run was stopped.
        StageError: no process could be started.
    """
    if all(isinstance(item, File) for item, _ in tasks) and (len(tasks) >= MANY or num_bytes >= MANY_BYTES):
        yield from _in_processes(act, tasks)
        return
    try:
        for number, (item, arguments) in enumerate(tasks):
            interruption.raise_if_requested(TITLE)
            with warnings.catch_warnings():
                # Pillow warns of large pictures and of odd metadata; size is checked, and metadata is not used.
                warnings.simplefilter("ignore")
                answer = ACTS[act](item, *arguments)
            yield number, answer
    finally:
        close_arrays()


def _in_processes(act: str, tasks: Sequence[Task]) -> Iterator[tuple[int, Any]]:
    chunks = deque(list(range(start, min(start + CHUNK, len(tasks)))) for start in range(0, len(tasks), CHUNK))
    found: queue.SimpleQueue[list[tuple[int, Any]] | BaseException] = queue.SimpleQueue()
    ended = threading.Event()
    readers = [_Reader() for _ in os.sched_getaffinity(0)]

    def serve(reader: _Reader) -> None:
        try:
            while not ended.is_set() and (chunk := _next(chunks)):
                replies = reader.ask([[act, str(tasks[n][0]), *tasks[n][1]] for n in chunk])
                if replies is not None:
                    found.put(list(zip(chunk, replies, strict=True)))
                elif len(chunk) > 1:  # one of them made it crash: which one?
                    chunks.extend([number] for number in chunk)
                else:
                    found.put([(chunk[0], None)])
        except BaseException as error:
            found.put(error)
        finally:
            reader.close()

    with ThreadPoolExecutor(len(readers)) as pool:
        try:
            for reader in readers:
                pool.submit(serve, reader)
            num_left = len(tasks)
            while num_left:
                some = found.get()
                if isinstance(some, BaseException):
                    raise some
                num_left -= len(some)
                yield from some
        finally:
            ended.set()
            for reader in readers:
                reader.stop()


def _next(chunks: deque[list[int]]) -> list[int]:
    with contextlib.suppress(IndexError):
        return chunks.popleft()
    return []


class _Reader:
    """One reader process, started when it is first asked, and again after it crashed."""

    def __init__(self) -> None:
        self._child: Child | None = None

    def ask(self, requests: list[list[Any]]) -> list[Any] | None:
        """Replies to requests, or None when the process died over them.

        Raises:
            Interrupted: the run was stopped.
            StageError: it did not start.
        """
        if self._child is None:
            self._child = workers().start(COMMAND, TITLE)
            if self._exchange([]) is None:
                raise StageError(f"the process that reads images does not start: {shlex.join(COMMAND)}")
        return self._exchange(requests)

    def _exchange(self, requests: list[list[Any]]) -> list[Any] | None:
        assert self._child is not None
        self._child.tell(requests)
        replies: list[Any] | None = self._child.hear()
        if replies is None:
            self.close()
            interruption.raise_if_requested(TITLE)
        return replies

    def stop(self) -> None:
        """End it now, from another thread than asks."""
        if child := self._child:
            child.stop()

    def close(self) -> None:
        """Let it end, and wait for that."""
        child, self._child = self._child, None
        if child is not None:
            workers().close(child)
