"""What is known of an earlier run, and what becomes of each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dcgan.files import storage
from dcgan.pipeline.fingerprints import Fingerprints
from dcgan.run.paths import Run

KEPT, MORE, FEWER, MADE, FURTHER, ANEW = (
    "unchanged", "given more images", "given fewer images", "generated again", "trained further", "trained anew",
)  # fmt: skip


@dataclass(frozen=True)
class Former:
    """An earlier run of the job, whatever became of it."""

    run: Run
    prints: Fingerprints
    lineage: Mapping[str, np.ndarray]
    """Real images, as `fingerprint.Sides` has them, by name: `seen` by any GAN that the run has of itself or of others;
    `base` and `share`, when these were made; `full/<class>`, when the class was last trained anew; `now/<class>`."""

    @property
    def finished(self) -> bool:
        """Whether it came to an end, a good one or a bad one."""
        return bool(storage.read_json(self.run.record)["state"] != "running")


@dataclass(frozen=True)
class Change:
    """What becomes of one class."""

    kind: str
    """KEPT, MORE, FEWER, MADE, FURTHER or ANEW."""
    former: Former | None = None
    """Where its images, its model or its start come from; None: from nowhere."""
    name: str = ""
    """The class's name there."""
    told: str = ""
    """Why, for people; may be empty."""
    num_wanted: int = 0
    """Images asked for."""


@dataclass(frozen=True)
class Changes:
    """What a night does again, and what it takes over."""

    prints: Fingerprints
    classes: dict[str, Change]
    """Of the classes that images are asked of."""
    judge: Former | None
    base: Former | None
    share: Former | None
    evaluation: Former | None
    lineage: dict[str, np.ndarray]
    """See `Former`."""
    told: list[str]
    """For people, a line each; none on a job's first night."""
