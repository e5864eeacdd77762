"""Transfers over a network: tried again when they fail, and stopped with the run."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import TypeVar

import tenacity

from dcgan.errors import Interrupted, StorageError
from dcgan.execution import interruption

WAITS = (0.5, 1, 2, 4, 8)  # seconds before a request is tried again, each with up to as much again, by chance
NUM_THREADS = 16  # requests at a time: one waits for the network for most of its time

R = TypeVar("R")

# What trying again does not change.
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, NotImplementedError, ImportError)

log = logging.getLogger(__name__)


def patiently(act: Callable[[], R], problem: str) -> R:
    """Do what a network may fail, and again after a while, longer each time.

    Args:
        act: may be done twice.
        problem: what it does to which URL, for the message.

    Raises:
        FileNotFoundError: it is not there.
        StorageError: it failed for good.
        Interrupted: the run was stopped.
    """
    trying = tenacity.Retrying(
        before=lambda _: interruption.raise_if_requested("the transfer"),
        retry=tenacity.retry_if_exception(_may_pass),
        wait=tenacity.wait_chain(*(tenacity.wait_random(wait, 2 * wait) for wait in WAITS)),
        stop=tenacity.stop_after_attempt(len(WAITS) + 1),
        before_sleep=functools.partial(_warn, problem),
        sleep=interruption.sleep,
        reraise=True,
    )
    try:
        return trying(lambda: _truthful(act))
    except (FileNotFoundError, Interrupted):
        raise
    except Exception as error:  # each file system has its own kinds
        raise StorageError(f"{problem}: {_reason(error)}") from error


def remove(act: Callable[[], object], problem: str) -> None:
    """Remove something in a store, as `patiently`. What is gone counts as removed: by a try whose answer was lost."""
    with contextlib.suppress(FileNotFoundError):
        patiently(act, problem)


def _truthful(act: Callable[[], R]) -> R:
    """Do it. fsspec reports whatever goes wrong with HTTP as a missing file: then raise what went wrong instead."""
    try:
        return act()
    except FileNotFoundError as error:
        cause: BaseException | None = error
        while isinstance(cause, FileNotFoundError):
            cause = cause.__cause__
        if isinstance(cause, OSError) or _status(cause) not in (None, 404, 410):
            assert cause is not None
            raise cause from None
        raise


def _status(error: BaseException | None) -> int | None:
    """The HTTP status that an error carries."""
    status = getattr(error, "status", None)
    return status if isinstance(status, int) else None


def _may_pass(error: BaseException) -> bool:
    lasts = isinstance(error, _LASTING) or "credentials" in type(error).__name__.lower()
    lasts = lasts or (400 <= (_status(error) or 0) < 500 and _status(error) not in (408, 429))
    return isinstance(error, Exception) and not lasts


def _warn(problem: str, state: tenacity.RetryCallState) -> None:
    if state.attempt_number == 2 and state.outcome:  # a single failure is nothing unusual
        log.warning("%s: %s. Trying again", problem, _reason(state.outcome.exception()))


def _reason(error: BaseException | None) -> str:
    return str(error).strip() or type(error).__name__
