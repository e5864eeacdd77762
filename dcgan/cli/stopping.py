"""Ctrl-C and SIGTERM while a job is worked on: work is asked to stop, and is not waited for for ever."""

from __future__ import annotations

import concurrent.futures
import contextvars
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from dcgan.errors import Interrupted
from dcgan.execution import interruption

GRACE_SECONDS = 8.0  # for work to stop by itself; a container's runtime kills it after 10
LOOK_SECONDS = 0.1  # between two looks at whether a signal has come
INTERRUPTED = "Interrupted. What is done is kept: run the same command again to resume."

T = TypeVar("T")


class LeftBehind(Interrupted):
    """Work did not stop in time. Its thread would hold up the end of the process."""


def until_stopped(work: Callable[[], T]) -> T:
    """Do work in a thread of its own, so that this one can answer signals whatever the work is doing.

    At the first signal the work is asked to stop. When it does not within `GRACE_SECONDS`, or at the second signal, it
    is left behind: as after a kill, what it has done is whole.

    Returns:
        What the work gives, also when it was asked to stop too late.

    Raises:
        Interrupted: it stopped.
        LeftBehind: it did not.
    """
    outcome: Future[T] = Future()
    context = contextvars.copy_context()

    def do() -> None:
        try:
            outcome.set_result(context.run(work))
        except BaseException as error:
            outcome.set_exception(error)

    signals: list[int] = []
    deadline = math.inf
    with _noted(signals):
        threading.Thread(target=do, name="work", daemon=True).start()
        while not outcome.done() and len(signals) < 2 and time.monotonic() < deadline:
            concurrent.futures.wait([outcome], LOOK_SECONDS)
            if signals and not interruption.is_requested():
                interruption.request()
                deadline = time.monotonic() + GRACE_SECONDS
    if not outcome.done():
        raise LeftBehind(INTERRUPTED)
    if interruption.is_requested() and (error := outcome.exception()) is not None:
        raise Interrupted(INTERRUPTED) from error
    return outcome.result()


@contextmanager
def _noted(signals: list[int]) -> Iterator[None]:
    """Note Ctrl-C and SIGTERM for the time of the block, instead of what they else do."""

    def note(number: int, _: FrameType | None) -> None:
        signals.append(number)

    # What a shell starts in the background ignores Ctrl-C, which is for another program then.
    answered = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in answered}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
