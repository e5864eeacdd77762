"""What to train with, what that gains, and how many real images the synthetic ones are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dcgan.evaluation import sets
from dcgan.evaluation.arms import CLASSICAL, FEWER, WITH
from dcgan.evaluation.recognitions import Recognitions, rounded
from dcgan.evaluation.statistics import CONFIDENCE, Difference, bootstrap, difference, summarized
from dcgan.run.records import Advice, ArmScores, Comparison, RecipeRecord, Worth

MAX_DOUBLINGS = 6  # of real images; beyond that, no number is given
FURTHER = 10  # real images of a class, whose gain is reported class by class


class Facts(NamedTuple):
    """What advice is based on."""

    recipe: RecipeRecord
    found: Recognitions
    num_real: Sequence[int]
    """Training images of each class."""
    labels: Sequence[str]
    """Class names."""

    @property
    def about(self) -> list[int]:
        """The classes that advice is about: the scarce ones that were tested, or else all that were."""
        some = [number for number in sets.scarce(self.num_real) if number in self.found.tested]
        return some or self.found.tested

    @property
    def rare(self) -> list[int]:
        """The rare classes that were tested."""
        return [number for number in sets.rare(self.num_real) if number in self.found.tested]


def advise(facts: Facts, arms: Mapping[str, ArmScores], draws: np.random.Generator, *, ships: bool) -> Advice:
    """What to train with, according to the held-out images.

    The synthetic images are advised if they add more than a standard error; less is not worth the trouble. A recipe
    that is shown to harm, although it was the best on validation images, is not advised at all.

    Args:
        facts: see there.
        arms: what `scores` gave.
        draws: for the bootstrap.
        ships: whether any synthetic images ship.
    """
    found, about = facts.found, facts.about
    own, chosen = _gain(found, WITH, found.without, about, draws), facts.recipe.chosen
    advised = chosen if ships and own.mean > own.error else chosen.without_images
    arm = WITH if advised.synthetic else found.without
    if (gain := arms[arm].gain) and gain.gain_high < 0:
        advised, arm = found.recipes[CLASSICAL], CLASSICAL
    return Advice(
        recipe=advised,
        measure="recall of rare classes" if facts.rare else "balanced accuracy",
        classical=_mean(found, CLASSICAL, about),
        advised=_mean(found, arm, about),
        gain=arms[arm].gain or Comparison(gain=0.0, gain_low=0.0, gain_high=0.0, p_value=1.0),
        images=comparison(own),
        worth=worth(facts, draws),
    )


def scores(facts: Facts, draws: np.random.Generator) -> dict[str, ArmScores]:
    """What the classifiers of each arm reached."""
    found, about = facts.found, facts.about
    return {
        arm: ArmScores(
            recipe=found.recipes[arm],
            balanced_accuracy=found.recall(arm, found.tested),
            rare_recall=found.recall(arm, facts.rare),
            gain=None if arm == CLASSICAL else comparison(_gain(found, arm, CLASSICAL, about, draws)),
        )
        for arm in found.recipes
    }


def worth(facts: Facts, draws: np.random.Generator) -> Worth:
    """How many real images would add as much as the synthetic ones.

    Recall is assumed to rise by the same amount with each doubling of a class's training images. Classifiers that had
    half of them show what a doubling adds, with classical augmentation alone; synthetic images that add half as much
    are worth half a doubling.
    """
    found, about = facts.found, facts.about
    counts = np.array([facts.num_real[number] for number in about])
    images, doubling = (
        [found.gain(arm, other, number) for number in about]
        for arm, other in ((WITH, found.without), (CLASSICAL, FEWER))
    )
    gains, slopes = bootstrap([images, doubling], draws)
    of_doubling = summarized(slopes, float(np.mean([values.mean() for values in doubling])))
    mean = low = high = None
    if of_doubling.low > 0:
        doublings = np.where(slopes > 0, gains / np.where(slopes > 0, slopes, 1), np.inf)
        ends = np.quantile(doublings, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="nearest")
        of_images = np.mean([values.mean() for values in images])
        mean, low, high = (
            float((counts * (2**times - 1)).mean()) if times < MAX_DOUBLINGS else None
            for times in (of_images / of_doubling.mean, *ends)
        )
    classes = {
        facts.labels[number]: rounded(values.mean() * np.log2(1 + FURTHER / facts.num_real[number]))
        for number, values in zip(about, doubling, strict=True)
    }
    return Worth(doubling=comparison(of_doubling), images=mean, images_low=low, images_high=high, classes=classes)


def comparison(found: Difference) -> Comparison:
    """A difference in the form of the records."""
    return Comparison(
        gain=rounded(found.mean),
        gain_low=rounded(found.low),
        gain_high=rounded(found.high),
        p_value=rounded(found.p_value),
        smoothed=True,
    )


def _mean(found: Recognitions, arm: str, about: Sequence[int]) -> float:
    return rounded(np.mean(found.recall(arm, about)))


def _gain(found: Recognitions, arm: str, other: str, about: Sequence[int], draws: np.random.Generator) -> Difference:
    return difference([found.gain(arm, other, number) for number in about], draws)
