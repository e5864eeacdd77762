"""What to train a classifier with besides the real images: chosen on validation images, and recommended.

A recipe is classical augmentation, mixup or not, and a share of synthetic images, which may be 0. The validation images
are the training images, a third at a time (`utility.try_recipes`). Images held out for the verdict play no part.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from dcgan.config import ResolvedJob
from dcgan.config.gate import GateConfig
from dcgan.data.split import FOLDS
from dcgan.evaluation.recognitions import smoothed
from dcgan.evaluation.sets import Sets
from dcgan.evaluation.statistics import balanced
from dcgan.files import storage
from dcgan.networks.pace import PROOF
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import Recipe, RecipeRecord, TriedRecipe

MIN_STEPS, MAX_STEPS = 2000, 6000
"""Of a classifier. It still learns from synthetic images when classical augmentation has nothing more to give, so with
too few steps they seem worth less than they are (benchmarks/TRIALS.md)."""
PASSES = 50  # over the real images, if that takes more than `MIN_STEPS`
STRENGTHS = (0.25, 0.5)  # synthetic share of a class's draws when it has hardly any real images


def candidates(gate: GateConfig, best: Recipe | None = None) -> list[Recipe]:
    """The recipes to try, simplest first: those without synthetic images, then the best of these with some.

    Args:
        gate: of the job.
        best: of the recipes without synthetic images; None: it is not known yet, and so none with images is.
    """
    mixups = (False, True) if gate.mixup == "auto" else (gate.mixup,)
    without = [
        Recipe(augmentation=tuple(augmentation), mixup=mixup)
        for mixup, augmentation in itertools.product(mixups, [gate.augmentation, *gate.recipes])
    ]
    return without + ([best.model_copy(update={"synthetic": strength}) for strength in STRENGTHS] if best else [])


def trials(gate: GateConfig, best: Recipe | None = None) -> list[tuple[Recipe, int]]:
    """The classifiers that the choice is made by, by number: recipe of each, and the fold that it is tried on.

    Args:
        gate: of the job.
        best: see `candidates`; the numbers are the same with it and without.
    """
    return list(itertools.product(candidates(gate, best), range(FOLDS)))


def synthetic_share(num_real: int, num_synthetic: int, strength: float) -> float:
    """Share of a class's draws that are synthetic, 0 to `strength`: the rarer the class, the more.

    If every image were drawn equally often, a class of 20 real images filled up to 400 would be 95 % synthetic, and a
    classifier would learn the GAN's idea of the class.
    """
    return strength * num_synthetic / (num_real + num_synthetic) if num_synthetic else 0.0


def shares(sets: Sets, strength: float) -> list[float]:
    """`synthetic_share` of each class."""
    return [
        synthetic_share(len(images), int(count), strength) for images, count in zip(sets.real, sets.counts, strict=True)
    ]


def classifier_steps(gate: GateConfig, num_real: Sequence[int]) -> int:
    """Optimizer steps of each classifier that measures utility: enough for it to learn what it can.

    Args:
        gate: of the job.
        num_real: training images of each class.
    """
    if gate.classifier_steps != "auto":
        return gate.classifier_steps
    return min(max(MIN_STEPS, math.ceil(PASSES * sum(num_real) / PROOF.batch_size)), MAX_STEPS)


def trial_steps(steps: int) -> int:
    """Optimizer steps of each classifier of `trials`, given `classifier_steps`: it learns from fewer images."""
    return math.ceil(steps * (FOLDS - 1) / FOLDS)


def best_without_images(run: Run, gate: GateConfig) -> Recipe:
    """The best recipe without synthetic images, once all of these have been tried.

    Mixup and augmentation cost nothing, so the better mean decides, however close.
    """
    found = _Found(run, candidates(gate))
    return max(found.recipes, key=found.score)


def choose(run: Run, job: ResolvedJob) -> RecipeRecord:
    """Choose the recipe with synthetic images that is measured on held-out images, and leave it in the run.

    The augmentation and mixup of `best_without_images`, and the smallest share of synthetic images that falls short of
    the best share by no more than a standard error of the paired difference (Breiman et al. 1984, Classification and
    Regression Trees, section 3.4.3). The GANs have seen the validation images, which favours synthetic images. So
    whether any are better than none is decided by held-out images, not here (`advice.advise`).

    A recipe that was taken over from an earlier run stays.

    Returns:
        The recipe, and the result of each of `candidates`.
    """
    if taken := taken_over(run):
        return taken
    best = best_without_images(run, job.gate)
    found = _Found(run, candidates(job.gate, best))
    with_images = [recipe for recipe in found.recipes if recipe.synthetic]
    most, best_of_all = (max(some, key=found.score) for some in (with_images, found.recipes))

    def within_error(recipe: Recipe) -> bool:
        mean, error = found.behind(recipe, most)
        return mean <= error

    tried = []
    for recipe in found.recipes:
        behind, error = (round(value, 4) for value in found.behind(recipe, best_of_all))
        accuracy = round(found.accuracy(recipe), 4)
        tried.append(TriedRecipe(recipe=recipe, balanced_accuracy=accuracy, behind=behind, error=error))
    chosen = next(recipe for recipe in with_images if within_error(recipe))
    record = RecipeRecord(chosen=chosen, steps=found.steps, tried=tried)
    records.write(run.recipe_record, record)
    return record


class _Found:
    """How clearly the classifiers of some recipes recognised the validation images."""

    def __init__(self, run: Run, recipes: Sequence[Recipe]) -> None:
        """Read it.

        Args:
            run: in which all of these were tried.
            recipes: the first ones of `candidates`.
        """
        self.recipes = recipes
        files = [run.tried(number) for number in range(len(recipes) * FOLDS)]
        arrays = [storage.unpack_arrays(file.read_bytes()) for file in files]
        self.steps = int(arrays[0]["steps"])
        self._truth = np.concatenate([of_fold["truth"] for of_fold in arrays[:FOLDS]])
        of_recipes = np.split(np.concatenate([of_fold["margin"] for of_fold in arrays]), len(recipes))
        self._margins = dict(zip(recipes, of_recipes, strict=True))
        self._clear = {recipe: smoothed(margins) for recipe, margins in self._margins.items()}

    def accuracy(self, recipe: Recipe) -> float:
        """Balanced accuracy, 0 to 1."""
        return balanced((self._margins[recipe] > 0).astype(float), self._truth)[0]

    def score(self, recipe: Recipe) -> float:
        """Smoothed balanced accuracy, 0 to 1."""
        return balanced(self._clear[recipe], self._truth)[0]

    def behind(self, recipe: Recipe, other: Recipe) -> tuple[float, float]:
        """By how much its smoothed balanced accuracy is below another's, and the standard error of that."""
        return balanced(self._clear[other] - self._clear[recipe], self._truth)


def taken_over(run: Run) -> RecipeRecord | None:
    """A recipe that was taken over from an earlier run; None if this run chooses its own."""
    record = records.read_if_there(run.recipe_record, RecipeRecord)
    return record if record and record.run_id is not None else None
