"""The answer to "do I train on this?": verdicts and gains of the classes, of the whole, and of every arm."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from dcgan.run import sentences
from dcgan.run.records import (
    ArmScores,
    ClassOutcome,
    Comparison,
    Effect,
    OverallEvidence,
    Recipe,
    RecipeRecord,
    Verdict,
)

VERDICTS = {
    Verdict.SHIPPED: "Shipped",
    Verdict.WITHHELD: "Withheld",
    Verdict.SHORT: "Short",
    Verdict.FAILED: "Failed",
    Verdict.REFUSED: "Refused",
    Verdict.NONE: "None asked",
}
EFFECTS = {  # of classes that ship
    Effect.HELPS: "Shown to help",
    Effect.UNCLEAR: "No difference shown",
    Effect.HARMS: "Shown to harm, shipped all the same",
    Effect.UNTESTED: "Untested",
    Effect.UNFIT: "Not fit, shipped all the same",
}
FEWER = "fewer real"  # the arm that tells what real images are worth: see `dcgan.evaluation.arms`
AXIS_LIMITS = (1, 2, 5, 10, 20, 50, 100)  # points: reaches of the forest plot's scale


def headline(classes: Iterable[ClassOutcome], overall: OverallEvidence | None) -> str:
    """The answer in one sentence; harm goes first, and the whole before the parts.

    Args:
        classes: all of them.
        overall: of all together; None: nothing was evaluated.
    """
    effects = Counter(effect_of(outcome) for outcome in classes if outcome.verdict is Verdict.SHIPPED)
    num_shipped = effects.total()
    among = f"{num_shipped} shipped {'class' if num_shipped == 1 else 'classes'}"
    whole = overall.effect if overall else None
    fall = f"balanced accuracy is shown to fall, by {_reach(overall)}" if overall and whole is Effect.HARMS else None
    if not num_shipped:
        sentence = f"Nothing to train on: {fall or 'no class ships'}."
    elif fall:
        sentence = f"Think twice: {fall}."
    elif effects[Effect.UNFIT]:
        sentence = f"Think twice: the images are not fit to train on in {effects[Effect.UNFIT]} of {among}."
    elif effects[Effect.HARMS]:
        sentence = f"Think twice: recall is shown to fall in {effects[Effect.HARMS]} of {among}."
    elif overall and whole is Effect.HELPS:
        sentence = f"Worth training on: balanced accuracy is shown to rise, by {_reach(overall)}."
    elif effects[Effect.HELPS] and whole is Effect.UNCLEAR:
        rising = effects[Effect.HELPS]
        sentence = f"No gain shown on the whole, although recall is shown to rise in {rising} of {among}."
    elif effects[Effect.HELPS]:
        rising = effects[Effect.HELPS]
        sentence = f"Worth training on: recall is shown to rise in {rising} of {among}, and to fall in none."
    elif effects[Effect.UNCLEAR]:
        sentence = f"No gain shown: in {among}, the images are shown neither to help nor to harm."
    else:
        sentence = f"Untested: too few held-out real images to tell whether the {among} help."
    return sentence


def _reach(gain: Comparison) -> str:
    """From the least to the most that a gain or a loss may be."""
    least, most = sorted(100 * abs(end) for end in (gain.gain_low, gain.gain_high))
    return f"{least:.1f} to {most:.1f} points"


def effect_of(outcome: ClassOutcome) -> Effect:
    """What the evidence says of a class's images."""
    return outcome.evidence.effect if outcome.evidence else Effect.NONE


def groups(classes: Mapping[str, ClassOutcome]) -> list[tuple[str, list[str]]]:
    """Classes by what became of them, empty groups left out."""
    of_shipped = [
        (
            title,
            [label for label, one in classes.items() if one.verdict is Verdict.SHIPPED and effect_of(one) is effect],
        )
        for effect, title in EFFECTS.items()
    ]
    of_others = [
        (title, [label for label, one in classes.items() if one.verdict is verdict])
        for verdict, title in VERDICTS.items()
        if verdict is not Verdict.SHIPPED
    ]
    return [(title, labels) for title, labels in of_shipped + of_others if labels]


def forest_limit(gains: Iterable[Comparison]) -> int:
    """The reach, in points, of a scale on which every interval fits."""
    reach = max((100 * abs(end) for gain in gains for end in (gain.gain_low, gain.gain_high)), default=0)
    return next(limit for limit in AXIS_LIMITS if limit >= reach or limit == AXIS_LIMITS[-1])


@dataclass(frozen=True)
class Axis:
    """The axis of a score, from `low` to `high`: shares, 0 to 1."""

    title: str
    low: float
    high: float


@dataclass(frozen=True)
class Strip:
    """One score of one arm: a dot per training."""

    mean: float
    at: float
    """Place of the mean on the axis, 0 to 1."""
    dots: list[float]
    """Places of the values on the axis, 0 to 1."""


@dataclass(frozen=True)
class Arm:
    """What was reached by classifiers that were trained on the same."""

    title: str
    strips: list[Strip | None]
    """One for each score; None: not measured."""
    gain: Comparison | None
    """Over classical augmentation alone; None: it is that."""


@dataclass(frozen=True)
class Arms:
    """What the classifiers of each arm reached."""

    scores: list[Axis]
    rows: list[Arm]


def arms(found: Mapping[str, ArmScores]) -> Arms | None:
    """What the classifiers of each arm reached: a strip of dots per score; None when there is nothing to show."""
    by_score = {
        "Balanced accuracy": {name: scores.balanced_accuracy for name, scores in found.items()},
        "Recall of rare classes": {name: scores.rare_recall for name, scores in found.items()},
    }
    by_score = {title: by_arm for title, by_arm in by_score.items() if any(by_arm.values())}
    if not by_score:
        return None
    axes = {title: _axis(title, [share for shares in by_arm.values() for share in shares])
            for title, by_arm in by_score.items()}  # fmt: skip
    rows = [
        Arm(
            arm_title(name, scores.recipe),
            [_strip(by_arm[name], axes[title]) for title, by_arm in by_score.items()],
            scores.gain,
        )
        for name, scores in found.items()
    ]
    return Arms(list(axes.values()), rows)


def _axis(title: str, shares: Sequence[float]) -> Axis:
    """In whole percent around all values."""
    low, high = math.floor(100 * min(shares)) / 100, math.ceil(100 * max(shares)) / 100
    return Axis(title, low, high) if high > low else Axis(title, max(0.0, low - 0.01), min(1.0, high + 0.01))


def _strip(shares: Sequence[float], axis: Axis) -> Strip | None:
    if not shares:
        return None
    mean, length = fmean(shares), axis.high - axis.low
    return Strip(mean, (mean - axis.low) / length, [(share - axis.low) / length for share in shares])


def arm_title(arm: str, recipe: Recipe) -> str:
    """What the classifiers of an arm were trained with, for people."""
    title = _capitalized(sentences.recipe(recipe))
    return f"{title}, half of the rare classes' real images" if arm == FEWER else title


@dataclass(frozen=True)
class TriedRecipe:
    """A recipe that was tried on validation images."""

    title: str
    score: float
    """Balanced accuracy, 0 to 1."""
    behind: float
    """The best's minus its own."""
    error: float
    """Standard error of that."""
    chosen: bool


def recipes(found: RecipeRecord | None) -> list[TriedRecipe]:
    """The recipes that were tried, the simplest first."""
    if not found:
        return []
    return [
        TriedRecipe(
            _capitalized(sentences.recipe(one.recipe)),
            one.balanced_accuracy,
            one.behind,
            one.error,
            one.recipe == found.chosen,
        )
        for one in found.tried
    ]


def _capitalized(text: str) -> str:
    return text[0].upper() + text[1:]
