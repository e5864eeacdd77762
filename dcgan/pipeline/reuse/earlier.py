"""What is known about an earlier run, and what is taken over from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import ChangesRecord, ClassChange, FingerprintsRecord, RunRecord


@dataclass(frozen=True)
class EarlierRun:
    """An earlier run of the job, however it ended."""

    run: Run
    fingerprints: FingerprintsRecord
    lineage: Mapping[str, np.ndarray]
    """Real images, in the form of `fingerprints.Sides`, by name: `seen` by any GAN of the run, its own or taken over;
    `base` and `recipe`, when these were made; `full/<class>`, when the class was last trained from the start;
    `now/<class>`."""

    @property
    def finished(self) -> bool:
        """Whether it has ended, well or badly."""
        return records.read(self.run.record, RunRecord).is_finished


@dataclass(frozen=True)
class ClassReuse:
    """What to do for one class."""

    change: ClassChange
    earlier: EarlierRun | None = None
    """Where its images, its model or its start come from; None if nothing is taken over."""


@dataclass(frozen=True)
class Reuse:
    """What a night takes over; it does the rest again."""

    fingerprints: FingerprintsRecord
    """Tonight's."""
    classes: dict[str, ClassReuse]
    """The classes for which images are requested."""
    judge: EarlierRun | None
    base: EarlierRun | None
    recipe: EarlierRun | None
    evaluation: EarlierRun | None
    lineage: dict[str, np.ndarray]
    """See `EarlierRun`."""
    changes: ChangesRecord
    """What has changed since the earlier runs."""
