"""Records about networks and candidates: trainings, generations, and what they follow from."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AliasChoices, Field, NonNegativeInt

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
    detail: str = Field(validation_alias=AliasChoices("detail", "told"))
    """What was seen, in words; `told` before version 0.1.0."""


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
    """That its process was at it, the start of the process included where it was started for this."""
    images_per_second: float | None
    model_sha256: str
    run_id: str
    """The run that it was trained in."""
    further: bool = False
    """Whether it went on from an earlier run's training."""
    peak_memory_mb: int


class PartRecord(Record):
    """Candidates of one class that were looked at: a part of its generation, a shard, or what an earlier run gave."""

    accepted: NonNegativeInt
    tried: NonNegativeInt
    rejected: dict[str, NonNegativeInt] = {}
    """By reason."""


class GenerationRecord(PartRecord):
    """`record.json` of a class's generation: all of its parts."""

    short: bool
    """Fewer were accepted than were asked for."""
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


class BaseRecord(Record):
    """`base/about.json`: what a shared base is, for jobs that begin with it."""

    image_size: tuple[int, int]
    """Height and width in px."""
    channels: int
    width: int
    latent_dim: int
    seen_sha256: str
    """Of `seen.bin`, which has a number for each real image that it has seen; see `dcgan.data.lineage`."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return *self.image_size, self.channels


class Change(StrEnum):
    """What a night does with a class, the least work first."""

    KEPT = "unchanged"
    MORE = "given more images"
    FEWER = "given fewer images"
    MADE = "generated again"
    FURTHER = "trained further"
    ANEW = "trained anew"


class Cause(StrEnum):
    """Why it does so."""

    SAME = "same"
    """Nothing about the class has changed."""
    NEW = "new"
    RENAMED = "renamed"
    IMAGES = "images"
    """Images were added or taken away, or its training did not end before."""
    TOO_MANY_IMAGES = "too many images"
    """Too large a share of them has changed for it to be trained further."""
    AMOUNT = "amount"
    """Another number of synthetic images is asked for."""
    CURATION = "curation"
    """The job's `curation` has changed."""
    JOB = "job"
    """Other parts of the job, or dcgan-augment itself, have changed."""
    DAMAGED = "damaged"
    """Its images are not as they were made, or were never all made."""
    FAILED = "failed"
    """Its training failed before."""


class ClassChange(Record):
    """What a night does with one class, and why."""

    kind: Change
    cause: Cause
    name_before: str = ""
    """The class's name in the run that its images, model or start come from; "": they come from nowhere."""
    added: NonNegativeInt = 0
    """Training images."""
    removed: NonNegativeInt = 0
    """Training images."""
    share_changed: float = 0.0
    """Images added and removed since it was last trained from the base, as a share of those it had then."""
    requested: NonNegativeInt = 0
    """Synthetic images."""
    requested_before: NonNegativeInt = 0
    """Synthetic images."""


class MovedImages(Record):
    """Training images that have another label than in an earlier run."""

    images: NonNegativeInt
    before: str
    now: str


class ChangesRecord(Record):
    """What a night does again and why, by what has changed since the job's earlier runs."""

    has_earlier: bool
    """Whether there is an earlier run to take over from."""
    leaked: NonNegativeInt = 0
    """Images that are held out now, and that all earlier runs' networks were trained on: nothing is reused."""
    classes: dict[str, ClassChange]
    """Those that images are asked of."""
    renamed: dict[str, str] = {}
    """By class, the name that it had in the newest earlier run."""
    gone: list[str] = []
    """Classes of that run."""
    moved: list[MovedImages] = []


class ClassFingerprints(Record):
    """A class's fingerprints, in hex."""

    images: str
    training: str
    generation: str


class FingerprintsRecord(Record):
    """`fingerprints.json`: what a run's results follow from, as hashes; see `dcgan.pipeline.fingerprints`."""

    trainings: str
    judge: str
    recipe: str
    evaluation: str
    release: str
    classes: dict[str, ClassFingerprints]
    changes: dict[str, Change] = {}
    """What the night did with each class that images are asked of."""
    taken_over: tuple[Literal["judge", "evaluation"], ...] = ()
    """Those that are an earlier run's, whose own records do not say so."""
