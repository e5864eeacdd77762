"""Checking something regularly while other work is done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def every(seconds: float, act: Callable[[], bool]) -> Iterator[None]:
    """For the time of the block, call `act` every so many seconds in a thread, until it returns False."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(seconds) and act():
            pass

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
