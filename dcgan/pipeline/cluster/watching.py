"""Something that is looked at again and again while something else is done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def every(seconds: float, act: Callable[[], bool]) -> Iterator[None]:
    """Do something again and again for the time of the block, in a thread, until it gives False."""
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
