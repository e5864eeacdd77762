"""Stopping this process's work: asked for once, by a signal, and looked for wherever work can stop.

Whoever is asked to stop calls `request`. Long work calls `raise_if_requested` between its steps; whoever has started
something that must be ended at once, such as other processes, says so by `on_request`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dcgan.errors import Interrupted

LOOK_SECONDS = 0.1  # between two looks at whether a stop was requested


@dataclass
class _State:
    """A plain flag: a signal handler may set it at any moment, where a lock could be held by the very thread."""

    requested: bool = False
    acts: list[Callable[[], object]] = field(default_factory=list)


_state = _State()


def request() -> None:
    """Ask all work of this process to stop, for good."""
    _state.requested = True
    for act in tuple(_state.acts):
        act()


def is_requested() -> bool:
    """Whether `request` was called."""
    return _state.requested


def on_request(act: Callable[[], object]) -> None:
    """Call `act` when a stop is requested, in the thread that requests it; at once when one already was.

    It may be called twice.
    """
    _state.acts.append(act)
    if _state.requested:
        act()


def raise_if_requested(work: str) -> None:
    """Stop, where that was asked for.

    Args:
        work: what stops, for the message.

    Raises:
        Interrupted: a stop was requested.
    """
    if _state.requested:
        raise stopped(work)


def sleep(seconds: float) -> None:
    """Wait, but no longer once a stop is requested."""
    end = time.monotonic() + seconds
    while not _state.requested and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, LOOK_SECONDS))


def stopped(work: str) -> Interrupted:
    """The error of work that was stopped."""
    return Interrupted(f"{work} was stopped; run the same command again to resume")
