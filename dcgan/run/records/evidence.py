"""Records about what was measured of the synthetic images, and the verdicts that follow."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import NonNegativeInt

from dcgan.run.records.base import Record


class Verdict(StrEnum):
    """What became of a class."""

    SHIPPED = "shipped"
    WITHHELD = "withheld"
    SHORT = "short"
    """Curation accepted fewer images than were asked for."""
    FAILED = "failed"
    REFUSED = "refused"
    """Too few real images to train on."""
    NONE = "none"
    """No images were asked for."""


class Effect(StrEnum):
    """What the evidence says of a class's images, whatever the policy makes of it."""

    HELPS = "helps"
    UNCLEAR = "no difference shown"
    HARMS = "harms"
    UNTESTED = "no verdict"
    """Too few held-out images."""
    UNFIT = "unfit"
    """They are no new images of the class; see `FailedCheck`."""
    NONE = "none"
    """There were no images to measure."""


class Comparison(Record):
    """With the synthetic images minus without: shares, -1 to 1, with a 95 % confidence interval."""

    gain: float
    gain_low: float
    gain_high: float
    p_value: float
    """Two-sided, for no difference."""
    smoothed: bool = False
    """Whether images near the border between right and wrong count in part; see `dcgan.evaluation.recognitions`."""


class Measure(Record):
    """One value of a metric, beside what real images come to; see `dcgan.evaluation.metrics.base.Measured`."""

    value: float | None
    error: float | None = None
    ceiling: float | None = None
    note: str = ""


class MetricBounds(Record):
    """What a metric declares of itself; see `dcgan.evaluation.metrics.base.Metric`."""

    goal: Literal["minimize", "maximize"] | float
    low: float | None
    high: float | None


class FeatureSpaceRecord(Record):
    """The feature space that distances were measured in."""

    name: str
    dimensions: int


class MeasuresRecord(Record):
    """`measures.json`: how good, how varied and how new the synthetic images are."""

    features: FeatureSpaceRecord
    metrics: dict[str, MetricBounds]
    synthetic: dict[str, int]
    """Images of each class that were measured."""
    seconds: float
    overall: dict[str, Measure]
    """By metric."""
    classes: dict[str, dict[str, Measure]]
    """By class and metric."""


class Recipe(Record):
    """What a classifier is trained with, beside the real images."""

    augmentation: tuple[str, ...] = ()
    """Classical augmentations, keys of `dcgan.networks.augmentation.AUGMENTATIONS`."""
    mixup: bool = False
    """Whether pairs of images and labels are mixed (Zhang et al. 2018)."""
    synthetic: float = 0.0
    """Share of a class's draws that are synthetic when it has hardly any real images; 0: none of any class."""
    guessed: float = 0.0
    """Share of a scarce class's other draws that are images whose labels were guessed, likewise; 0: none."""

    @property
    def without_images(self) -> Recipe:
        """The same without the synthetic images."""
        return self.model_copy(update={"synthetic": 0.0})


class TriedRecipe(Record):
    """What a recipe came to on validation images."""

    recipe: Recipe
    balanced_accuracy: float
    """0 to 1."""
    behind: float
    """By how much its smoothed balanced accuracy falls short of the best recipe's, 0 to 1."""
    error: float
    """Standard error of that difference."""


class RecipeRecord(Record):
    """`recipe.json`: the recipe that was chosen on validation images, to be measured."""

    chosen: Recipe
    """With synthetic images; whether they are better than none is measured on held-out images."""
    steps: int
    """Optimizer steps of each classifier that measures utility."""
    tried: list[TriedRecipe] = []
    """The simplest first."""
    run_id: str | None = None
    """The run that it was taken over from; None: chosen in this one."""


class Check(StrEnum):
    """What a class's images can fail at; see `dcgan.evaluation.checks`."""

    OUTLYING = "outlying"
    """They are unlike every real image."""
    UNRECOGNISED = "unrecognised"
    """A classifier takes them for another class."""
    COPIED = "copied"
    """They are copies of training images."""
    COLLAPSED = "collapsed"
    """They are nearly all alike."""


class FailedCheck(Record):
    """A check that a class's images did not pass, and the measure that decided it."""

    check: Check
    measure: str
    """Name of the metric."""
    value: float
    ceiling: float | None = None


class ClassEvidence(Record):
    """What the gate found of one class, and its verdict."""

    verdict: Verdict
    effect: Effect
    harm_overall: bool = False
    """Withheld since all classes together are shown to harm."""
    holdout: NonNegativeInt
    """Held-out images that it was measured on."""
    holdout_needed: NonNegativeInt
    """Held-out images below which no effect is tested."""
    recall_without: float | None = None
    recall_with: float | None = None
    recall: Comparison | None = None
    """None: there were no held-out images."""
    p_holm: float | None = None
    """The p-value after Holm's correction for the number of classes."""
    failed_check: FailedCheck | None = None
    synthetic_share: float = 0.0
    """Of the class's draws, that it was measured with, 0 to 1."""
    guessed: NonNegativeInt = 0
    """Images without labels that were guessed to be of this class, and that it was measured with."""
    guessed_share: float = 0.0
    """Of its draws that are not synthetic, 0 to 1."""


class OverallEvidence(Comparison):
    """What the gate found of all classes together: `gain` is of balanced accuracy."""

    verdict: Verdict
    effect: Effect
    reason: str
    """Why, for people."""


PairedScores = dict[Literal["without", "with"], list[float]]
"""Of the two arms that are compared, without and with the synthetic images: one value for each seed, 0 to 1."""


class ArmScores(Record):
    """What the classifiers of one arm reached, one value for each seed, 0 to 1."""

    recipe: Recipe = Recipe()
    balanced_accuracy: list[float] = []
    rare_recall: list[float] = []
    gain: Comparison | None = None
    """Over classical augmentation alone, of what `Advice.measure` names; None: it is that, or was not measured."""


class Worth(Record):
    """What the synthetic images are worth in real ones, by how recall rises with their number.

    A class's recall is taken to rise by the same with each doubling of its real training images.
    """

    doubling: Comparison
    """What twice as many real images of each scarce class add to the mean of their recall; scarce are the rare
    classes, or all where none is rare."""
    images: float | None
    """Further real images of each scarce class that would add as much as the synthetic ones, mean over the classes;
    None: unknown, since more real images do not visibly help."""
    images_low: float | None
    """Ends of the 95 % interval; None: no bound is seen."""
    images_high: float | None
    classes: dict[str, float] = {}
    """What ten further real images would add to each scarce class's recall, -1 to 1."""


class Advice(Record):
    """What to train with, and what it gains on held-out real images."""

    recipe: Recipe
    """Without synthetic images where none ships, or where they are not seen to be worth anything on held-out images."""
    measure: Literal["recall of rare classes", "balanced accuracy"]
    """What is given below, 0 to 1: mean over all seeds."""
    classical: float
    """With classical augmentation alone."""
    advised: float
    gain: Comparison
    """Of the recipe over classical augmentation alone."""
    images: Comparison
    """The synthetic images' own part: with them minus without, in the recipe that was measured."""
    worth: Worth | None = None
    """None: not measured."""


class EvaluationRecord(Record):
    """`evaluation.json`: the verdicts and what they rest on."""

    overall: OverallEvidence
    recipe: RecipeRecord
    advice: Advice
    arms: dict[str, ArmScores]
    """By key of `dcgan.evaluation.arms.ARMS`, those that were trained."""
    rare: list[str]
    """The rare classes."""
    balanced_accuracy: PairedScores
    classes: dict[str, ClassEvidence]
