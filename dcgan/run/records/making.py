"""Records about networks and candidates: trainings, generations, and what they follow from."""

from __future__ import annotations

from enum import StrEnum

from pydantic import NonNegativeInt

from dcgan.run.records.base import Record


class Stopped(StrEnum):
    """Why a training stopped."""

    ALL_DONE = "all steps done"
    NO_BETTER = "no better step found"
    TIME_RAN_OUT = "time ran out"


class StepScore(Record):
    """How good the samples of one step were; see `dcgan.training.score`."""

    step: NonNegativeInt
    work: NonNegativeInt
    score: float
    """The lower, the better."""
    kid: float
    coverage: float
    diversity: float


class Incident(Record):
    """Something that went wrong in a training, and made it go back."""

    kind: str
    step: NonNegativeInt
    branch: NonNegativeInt
    told: str
    """What was seen, for people."""


class TrainingRecord(Record):
    """`record.json` of a training: the shared base's, or a class's."""

    steps: NonNegativeInt
    """Optimizer steps taken, those that an incident threw away included."""
    shipped_step: NonNegativeInt
    stopped: Stopped
    scores: list[StepScore] = []
    incidents: list[Incident] = []
    precision: str
    batch_size: int
    num_images: int
    """Real images trained on."""
    seconds: float
    """In optimizer steps."""
    process_seconds: float
    """Of the process's life."""
    images_per_second: float | None
    model_sha256: str
    run_id: str
    """The run that it was trained in."""
    further: bool = False
    """Whether it went on from an earlier run's training."""
    peak_memory_mb: int


class GenerationRecord(Record):
    """`record.json` of a class's generation."""

    accepted: NonNegativeInt
    short: bool
    """Fewer were accepted than were asked for."""
    tried: NonNegativeInt
    rejected: dict[str, int] = {}
    """By reason."""
    thresholds: dict[str, float] = {}
    seconds: float


class JudgeRecord(Record):
    """`record.json` of the judges."""

    classes: list[str]
    """In the order of their outputs."""
    steps: int
    steps_of_fold: int


class PrecisionRecord(Record):
    """`precision.json`: what the networks compute in, and the trial that decided it."""

    precision: str
    images_per_second: dict[str, float] = {}
    """By precision; {} where there was no trial."""


class Change(StrEnum):
    """What a night does with a class."""

    KEPT = "unchanged"
    MORE = "given more images"
    FEWER = "given fewer images"
    MADE = "generated again"
    FURTHER = "trained further"
    ANEW = "trained anew"


class ClassFingerprints(Record):
    """A class's fingerprints, in hex."""

    images: str
    training: str
    generation: str


class FingerprintsRecord(Record):
    """`fingerprints.json`: what a run's results follow from, as hashes; see `dcgan.pipeline.fingerprints`."""

    recipe: str
    judge: str
    share: str
    evaluation: str
    release: str
    classes: dict[str, ClassFingerprints]
    changes: dict[str, Change] = {}
    """What the night did with each class that images are asked of."""
