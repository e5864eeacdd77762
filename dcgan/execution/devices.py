"""GPUs: which there are, and whose turn it is on each.

They are counted without TensorFlow, which would take memory on every one of them for as long as this process lives.
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

WAIT_SECONDS = 0.5  # between two looks at whether the work was stopped meanwhile


def gpus(environment: Mapping[str, str] = os.environ, devices: Path = Path("/dev")) -> list[str]:
    """The GPUs that this process may use, by the names that CUDA_VISIBLE_DEVICES takes.

    Args:
        environment: where CUDA_VISIBLE_DEVICES is set, it says which; as in CUDA, what follows a -1 does not count.
        devices: else the driver's device files are counted: a container has those that it was given.
    """
    if (visible := environment.get("CUDA_VISIBLE_DEVICES")) is not None:
        names = [name.strip() for name in visible.split(",")]
        end = next((n for n, name in enumerate(names) if not name or name.startswith("-")), len(names))
        return names[:end]
    files = [file for file in devices.glob("nvidia*") if re.fullmatch(r"nvidia\d+", file.name)]
    return [str(number) for number in range(len(files))]


def models(environment: Mapping[str, str] = os.environ, drivers: Path = Path("/proc/driver/nvidia/gpus")) -> list[str]:
    """What this machine's GPUs are called, each name once, by their driver; [] when this process may use none.

    Args:
        environment: see `gpus`.
        drivers: a folder for each GPU, with the driver's `information`.
    """
    if environment.get("CUDA_VISIBLE_DEVICES") is not None and not gpus(environment):
        return []
    texts = [file.read_text(encoding="utf-8") for file in drivers.glob("*/information")]
    return sorted({match[1] for text in texts if (match := re.search(r"^Model:\s*(.+?)\s*$", text, re.MULTILINE))})


class Slots:
    """Places for processes on GPUs, so many on each; without GPUs, there is no end of places."""

    def __init__(self, devices: Sequence[str]) -> None:
        self._devices = devices
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def take(self, per_gpu: int, wait: Callable[[], None] = lambda: None) -> Iterator[dict[str, str]]:
        """A place on the emptiest GPU for the time of the block, once there is one.

        Args:
            per_gpu: processes on one GPU at a time.
            wait: called while there is none; may raise.

        Yields:
            What a process there must have in its environment.
        """
        if not self._devices:
            yield {}
            return
        with self._changed:
            while self._taken[device := min(self._devices, key=self._taken.__getitem__)] >= per_gpu:
                wait()
                self._changed.wait(WAIT_SECONDS)
            self._taken[device] += 1
        try:
            yield {"CUDA_VISIBLE_DEVICES": device}
        finally:
            with self._changed:
                self._taken[device] -= 1
                self._changed.notify()
