"""Loading large libraries without looking for garbage: what an import makes stays, and there is a lot of it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Within the block, nobody looks for garbage, and later not among what has been made in it."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
