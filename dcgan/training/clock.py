"""The clock of one training: how many steps there is still time for, and when a snapshot is due."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from dcgan.execution import process

CLOSING_SECONDS = 0.3  # for what is written after the last step, when time is short: 0.1 for small networks
MAX_SNAPSHOT_SHARE = 0.03  # of training time that snapshots may take; where they cost more, they come less often


@dataclass
class Clock:
    """Reads the time between stretches of steps."""

    max_seconds: float | None
    """Of `process.seconds`; None: no limit."""
    snapshot_seconds: float
    """A kill loses at most this much work. 0: none, at any cost."""
    affordable: int
    """Steps that there is time for; before any has been timed, the number wanted."""
    last_snapshot: float = field(default_factory=time.monotonic)
    snapshot_cost: float = 0.0
    """Seconds that the last snapshot took."""

    def take(self, seconds_per_step: float) -> None:
        """Work out how many steps there is time for, from how long the last ones took."""
        if self.max_seconds is not None:
            left = self.max_seconds - process.seconds() - CLOSING_SECONDS
            self.affordable = int(left / seconds_per_step)

    def snapshot_due(self) -> bool:
        """Whether it is time to save."""
        least = self.snapshot_cost / MAX_SNAPSHOT_SHARE if self.snapshot_seconds else 0.0
        return time.monotonic() - self.last_snapshot >= max(self.snapshot_seconds, least)

    def saved(self, began: float) -> None:
        """A snapshot was written, from `began` (of `time.monotonic`) until now."""
        self.last_snapshot = time.monotonic()
        self.snapshot_cost = self.last_snapshot - began
