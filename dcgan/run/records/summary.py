"""Records about a whole run: how it began, what became of every class, and what a release carries."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import NonNegativeInt

from dcgan.run.records.base import Record
from dcgan.run.records.evidence import (
    Advice,
    ArmScores,
    ClassEvidence,
    FeatureSpaceRecord,
    Measure,
    MetricBounds,
    OverallEvidence,
    PairedScores,
    RecipeRecord,
    Verdict,
)
from dcgan.run.records.inputs import CatalogueRecord, LeakedPair
from dcgan.run.records.making import Change, FingerprintsRecord, Incident, Stopped

FORMAT = 2  # of `release.json`


class Ending(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    """Every class that images were asked of ships."""
    PARTLY = "partly"
    """Some ship, some do not."""
    UNCHANGED = "unchanged"
    """Nothing had changed, and the last release stays."""
    FAILED = "failed"
    """None ships, or an error ended the run."""


class Provenance(Record):
    """What the bytes of a run's results depend on beside its inputs."""

    versions: dict[str, str]
    """Of Python and of packages, by name."""
    threads: int
    processes: int
    machine: str
    processor: str
    instructions: str
    """Instruction sets by which TensorFlow chooses its kernels, separated by spaces."""
    gpus: str
    seed: int


class RunRecord(Provenance):
    """`run.json`: when and on what a run began, and how it ended."""

    id: str
    number: NonNegativeInt = 0
    """Counts the job's runs, and so orders them, whatever the clock said; 0: an earlier version began it."""
    started: str
    """ISO 8601, UTC."""
    fresh: bool = False
    """Begun to take nothing over from earlier runs."""
    results_format: NonNegativeInt = 0
    """See `dcgan.run.runs.FORMAT`; 0: an earlier version began it."""
    finished: str | None = None
    ending: Ending | None = None
    """None: it is not finished, and will be resumed."""
    state: str = "running"
    """The same for people, in one line."""

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, well or not, and will not be resumed."""
        return self.finished is not None


class ClassOutcome(Record):
    """What became of one class."""

    class_index: NonNegativeInt
    train: NonNegativeInt
    holdout: NonNegativeInt
    leaked: NonNegativeInt = 0
    """Held-out images that are near duplicates of training images, and no evidence."""
    requested: NonNegativeInt
    accepted: NonNegativeInt
    tried: NonNegativeInt = 0
    rejected: dict[str, int] = {}
    thresholds: dict[str, float] = {}
    verdict: Verdict
    reason: str
    """Why, for people."""
    evidence: ClassEvidence | None = None
    """None: it was not evaluated."""
    measures: dict[str, Measure] = {}
    """By metric."""
    synthetic_share: float = 0.0
    steps: int | None = None
    shipped_step: int | None = None
    stopped: Stopped | None = None
    incidents: list[Incident] = []
    seconds: float | None = None
    images_per_second: float | None = None
    model_sha256: str | None = None
    trained_in: str | None = None
    """The run that its model was trained in."""
    change: Change | None = None
    fingerprint: str | None = None

    @property
    def released(self) -> int:
        """Images of it that the run's release holds."""
        return self.accepted if self.verdict is Verdict.SHIPPED else 0


class MeasuresSummary(Record):
    """The measures of all classes together, and what they are."""

    features: FeatureSpaceRecord | None = None
    metrics: dict[str, MetricBounds] = {}
    overall: dict[str, Measure] = {}


class LeakageSummary(Record):
    """Near duplicates among the real images."""

    pairs: dict[str, int] | None = None
    """By kind; None: not looked for."""
    examples: list[LeakedPair] = []


class RunSummary(Provenance):
    """Everything that report, card, release and terminal tell of a run."""

    run_id: str
    job: str
    ending: Ending
    state: str
    """The same for people, in one line."""
    started: str
    finished: str
    image_size: tuple[int, int]
    """Height and width in px."""
    channels: int
    seconds: dict[str, float] = {}
    """Wall-clock seconds by stage."""
    overall: OverallEvidence | None = None
    recipe: RecipeRecord | None = None
    advice: Advice | None = None
    """None: nothing was measured."""
    arms: dict[str, ArmScores] = {}
    rare: list[str] = []
    balanced_accuracy: PairedScores | None = None
    """None: not measured."""
    measures: MeasuresSummary = MeasuresSummary()
    leakage: LeakageSummary = LeakageSummary()
    catalogue: CatalogueRecord
    fingerprints: FingerprintsRecord | None = None
    classes: dict[str, ClassOutcome]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return *self.image_size, self.channels

    @property
    def accuracy(self) -> tuple[float, float] | None:
        """Mean balanced accuracy without the synthetic images and with them, 0 to 1; None: not measured."""
        scores = self.balanced_accuracy
        if not scores or not scores["without"] or not scores["with"]:
            return None
        without, with_them = (sum(of_arm) / len(of_arm) for of_arm in (scores["without"], scores["with"]))
        return without, with_them

    @property
    def shipped(self) -> list[str]:
        """The classes that ship."""
        return [label for label, outcome in self.classes.items() if outcome.verdict is Verdict.SHIPPED]

    @property
    def released(self) -> int:
        """Images that the run's release holds."""
        return sum(outcome.released for outcome in self.classes.values())


class RunResult(RunSummary):
    """A run's summary, and where its results are: paths or URLs. What `--json` prints."""

    samples: str
    report: str
    release: str | None = None
    latest: str | None = None


class ReleaseRecord(RunSummary):
    """`release.json`."""

    format: int = FORMAT
    config: dict[str, Any]
    """The resolved job, as its own version wrote it."""
    files: dict[str, str]
    """SHA-256 of every file but images, by path."""
