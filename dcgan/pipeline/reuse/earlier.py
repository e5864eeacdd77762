"""What is known of an earlier run, and what is taken over from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import ChangesRecord, ClassChange, FingerprintsRecord, RunRecord


@dataclass(frozen=True)
class EarlierRun:
    """An earlier run of the job, whatever became of it."""

    run: Run
    fingerprints: FingerprintsRecord
    lineage: Mapping[str, np.ndarray]
    """Real images, as `fingerprints.Sides` has them, by name: `seen` by any GAN that the run has of itself or of
    others; `base` and `recipe`, when these were made; `full/<class>`, when the class was last trained anew;
    `now/<class>`."""

    @property
    def finished(self) -> bool:
        """Whether it came to an end, a good one or a bad one."""
        return records.read(self.run.record, RunRecord).is_finished


@dataclass(frozen=True)
class ClassReuse:
    """What becomes of one class."""

    change: ClassChange
    earlier: EarlierRun | None = None
    """Where its images, its model or its start come from; None: from nowhere."""


@dataclass(frozen=True)
class Reuse:
    """What a night does again, and what it takes over."""

    fingerprints: FingerprintsRecord
    """Tonight's."""
    classes: dict[str, ClassReuse]
    """Of the classes that images are asked of."""
    judge: EarlierRun | None
    base: EarlierRun | None
    recipe: EarlierRun | None
    evaluation: EarlierRun | None
    lineage: dict[str, np.ndarray]
    """See `EarlierRun`."""
    changes: ChangesRecord
    """What has changed since the earlier runs."""
