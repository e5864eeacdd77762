"""Transfers over a network: tried again when they fail, and stopped with the run."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from dcgan.errors import StorageError
from dcgan.execution import interruption

WAITS = (0.5, 1, 2, 4, 8)  # seconds before a request is tried again, each with up to as much again, by chance
NUM_THREADS = 16  # requests at a time: one waits for the network for most of its time

R = TypeVar("R")

# What trying again does not change.
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, NotImplementedError, ImportError)

log = logging.getLogger(__name__)


def patiently(act: Callable[[], R], told: str) -> R:
    """Do what a network may fail, and again after a while, longer each time.

    Args:
        act: may be done twice.
        told: what it does to which URL, for the message.

    Raises:
        FileNotFoundError: it is not there.
        StorageError: it failed for good.
        Interrupted: the run was stopped.
    """
    for wait in (*WAITS, None):
        interruption.raise_if_requested("the transfer")
        try:
            return act()
        except FileNotFoundError:
            raise
        except Exception as error:  # each file system has its own kinds
            lasts = isinstance(error, _LASTING) or "credentials" in type(error).__name__.lower()
            if lasts or wait is None:
                raise StorageError(f"{told}: {str(error).strip() or type(error).__name__}") from error
            if wait == WAITS[1]:
                log.warning("%s: %s. Trying on", told, str(error).strip() or type(error).__name__)
        time.sleep(wait * (1 + random.random()))
    raise AssertionError
