"""Records about the real images: what was found, how it was split, what leaks, and what is planned of each class."""

from __future__ import annotations

from enum import StrEnum

from pydantic import NonNegativeInt

from dcgan.run.records.base import Record


class ClassFiles(Record):
    """The files of one class."""

    files: NonNegativeInt
    accepted: NonNegativeInt


class QuarantinedFile(Record):
    """A file that was left out."""

    path: str
    reason: str


class UnlabelledFiles(Record):
    """The images without labels."""

    files: NonNegativeInt
    accepted: NonNegativeInt
    """That are used, but for those near an image with a label."""
    unused: NonNegativeInt
    """More than the base can learn from."""
    reasons: dict[str, int] = {}
    """Quarantined files by reason, the commonest first."""
    examples: list[QuarantinedFile] = []


class CatalogueRecord(Record):
    """`catalogue.json`: what was found at the source."""

    num_files: NonNegativeInt
    classes: dict[str, ClassFiles]
    reasons: dict[str, int] = {}
    """Quarantined files by reason, the commonest first."""
    examples: list[QuarantinedFile] = []
    unused: dict[str, int] = {}
    """Images of splits that the job does not use."""
    image_size: tuple[int, int]
    """Height and width in px."""
    channels: int
    read_as: str = ""
    """How the source was read, in words."""
    layout: str = ""
    """Where classes and splits come from; another one than the last run's stops a run."""
    warnings: list[str] = []
    """What is allowed and hardly meant, a sentence each."""
    unlabelled: UnlabelledFiles | None = None
    """None: the job has none."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return *self.image_size, self.channels


class ClassState(StrEnum):
    """Whether a GAN can be trained on a class."""

    OK = "ok"
    REFUSED = "refused"


class ClassSplit(Record):
    """One class's real images."""

    train: NonNegativeInt
    holdout: NonNegativeInt
    state: ClassState
    reason: str = ""
    """Why it is refused."""


class SplitRecord(Record):
    """`split.json`: how the accepted images are split."""

    image_size: tuple[int, int]
    """Height and width in px."""
    channels: int
    classes: dict[str, ClassSplit]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        return *self.image_size, self.channels


class ClassPlan(ClassSplit):
    """What will be made of one class."""

    requested: NonNegativeInt
    """Synthetic images; 0 of a refused class, and of one that has enough."""


class UnlabelledRecord(Record):
    """`unlabelled.json`: the images without labels that the shared base learns from."""

    used: NonNegativeInt
    near_labelled: NonNegativeInt
    """Near duplicates of images with labels, which are left out."""


class LeakedImage(Record):
    """One of two near duplicates."""

    path: str
    label: str
    split: str


class LeakedPair(Record):
    """Two near duplicates."""

    images: tuple[LeakedImage, LeakedImage]
    distance: float
    """Root mean square difference of pixels, 0 to 1."""


class ClassLeaks(Record):
    """The held-out images of a class that are no evidence."""

    holdout_rows: list[int] = []
    """Rows of `holdout.npy`."""
    limit: float | None = None
    """Distance under which two images are near duplicates, 0 to 1; None: the class has no images."""


class LeakageRecord(Record):
    """`leakage.json`: near duplicates between training and held-out images, and across classes."""

    pairs: dict[str, int]
    """By kind."""
    examples: list[LeakedPair] = []
    """The nearest first."""
    classes: dict[str, ClassLeaks] = {}
