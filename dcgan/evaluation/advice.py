"""What to train with, what it gains, and what the synthetic images are worth in real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dcgan.evaluation.arms import CLASSICAL, FEWER, WITH
from dcgan.evaluation.recognitions import Recognitions, rounded
from dcgan.evaluation.statistics import CONFIDENCE, Difference, bootstrap, difference, summarized
from dcgan.run.records import Advice, ArmScores, Comparison, RecipeRecord, Worth

FURTHER = 10  # real images of a class, whose gain is told class by class


class Facts(NamedTuple):
    """What advice is given by."""

    recipe: RecipeRecord
    found: Recognitions
    num_real: Sequence[int]
    """Training images of each class."""
    labels: Sequence[str]
    """Class names."""
    rare: Sequence[int]
    """Numbers of the rare classes."""


def advise(facts: Facts, arms: Mapping[str, ArmScores], draws: np.random.Generator, *, ships: bool) -> Advice:
    """What to train with, on the evidence of the held-out images.

    Args:
        facts: see there.
        arms: what `scores` gave.
        draws: for the bootstrap.
        ships: whether there will be any synthetic image to train on.
    """
    found, about = facts.found, _about(facts)
    chosen = facts.recipe.chosen
    advised = chosen if ships else chosen.without_images
    arm = WITH if advised.synthetic else found.without
    return Advice(
        recipe=advised,
        measure="recall of rare classes" if about != found.tested else "balanced accuracy",
        classical=_mean(found, CLASSICAL, about),
        advised=_mean(found, arm, about),
        gain=arms[arm].gain or Comparison(gain=0.0, gain_low=0.0, gain_high=0.0, p_value=1.0),
        images=comparison(_gain(found, WITH, found.without, about, draws)),
        worth=worth(facts, draws) if FEWER in found.right else None,
    )


def scores(facts: Facts, draws: np.random.Generator) -> dict[str, ArmScores]:
    """What the classifiers of each arm reached."""
    found, about = facts.found, _about(facts)
    rare = [number for number in facts.rare if number in found.tested]
    return {
        arm: ArmScores(
            recipe=found.recipes[arm],
            balanced_accuracy=found.mean_recall(arm, found.tested),
            rare_recall=found.mean_recall(arm, rare),
            gain=None if arm == CLASSICAL else comparison(_gain(found, arm, CLASSICAL, about, draws)),
        )
        for arm in found.right
    }


def worth(facts: Facts, draws: np.random.Generator) -> Worth | None:
    """How many real images would add as much as the synthetic ones; None: no rare class was tested.

    Recall is taken to rise by the same with each doubling of a class's training images. What a doubling adds is
    measured by classifiers that had half of them; so many doublings as add what the
    synthetic images do are so many images.
    """
    found = facts.found
    rare = [number for number in facts.rare if number in found.tested]
    if not rare:
        return None
    counts = np.array([facts.num_real[number] for number in rare])
    images, doubling = (
        [found.of_class(arm, number) - found.of_class(other, number) for number in rare]
        for arm, other in ((WITH, found.without), (found.without, FEWER))
    )
    gains, slopes = bootstrap([images, doubling], draws)
    of_doubling = summarized(slopes, float(np.mean([values.mean() for values in doubling])))
    mean = low = high = None
    if of_doubling.low > 0:
        gain = float(np.mean([values.mean() for values in images]))
        mean = float((counts * (2 ** (gain / of_doubling.mean) - 1)).mean())
        steep = slopes > 0
        drawn = np.full(len(slopes), np.inf)
        drawn[steep] = (counts * (2 ** np.minimum(gains / np.where(steep, slopes, 1), 20)[:, None] - 1)).mean(1)[steep]
        low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="nearest")
    classes = {
        facts.labels[number]: rounded(values.mean() * np.log2(1 + FURTHER / facts.num_real[number]))
        for number, values in zip(rare, doubling, strict=True)
    }
    return Worth(doubling=comparison(of_doubling), images=mean, images_low=low, images_high=high, classes=classes)


def comparison(found: Difference) -> Comparison:
    """A difference as records have it."""
    return Comparison(
        gain=rounded(found.mean),
        gain_low=rounded(found.low),
        gain_high=rounded(found.high),
        p_value=rounded(found.p_value),
    )


def _about(facts: Facts) -> list[int]:
    """The classes that advice is about: the rare ones, or all where none is rare."""
    return [number for number in facts.rare if number in facts.found.tested] or facts.found.tested


def _mean(found: Recognitions, arm: str, about: Sequence[int]) -> float:
    return rounded(np.mean([found.of_class(arm, number).mean() for number in about]))


def _gain(found: Recognitions, arm: str, other: str, about: Sequence[int], draws: np.random.Generator) -> Difference:
    return difference([found.of_class(arm, number) - found.of_class(other, number) for number in about], draws)
