"""What to train a classifier with besides the real images: chosen on validation images, and recommended.

A recipe is classical augmentation, mixup or not, images with guessed labels or not, and a share of synthetic images,
which may be 0. The validation images are the training images, a third at a time (`utility.try_recipes`). Images held
out for the verdict play no part.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from dcgan.config import ResolvedJob
from dcgan.config.gate import GateConfig
from dcgan.data import unlabelled
from dcgan.data.split import FOLDS
from dcgan.evaluation.recognitions import smoothed
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
GUESSED = 0.5  # the same of images with guessed labels (benchmarks/TRIALS.md)


def plain(gate: GateConfig) -> list[Recipe]:
    """The recipes of real images with their labels alone, simplest first."""
    mixups = (False, True) if gate.mixup == "auto" else (gate.mixup,)
    return [
        Recipe(augmentation=tuple(augmentation), mixup=mixup)
        for mixup, augmentation in itertools.product(mixups, [gate.augmentation, *gate.recipes])
    ]


def num_recipes(gate: GateConfig, *, with_guesses: bool) -> int:
    """How many recipes `rounds` comes to."""
    return len(plain(gate)) + with_guesses + len(STRENGTHS)


def rounds(run: Run, gate: GateConfig) -> Iterator[list[Recipe]]:
    """The recipes to try, round by round; a list has those of earlier rounds too, which must have been tried by then.

    First the `plain` ones. Then, if there are images without labels, the best of these with guessed labels. Then the
    best so far with shares of synthetic images.
    """
    recipes = plain(gate)
    yield recipes
    if unlabelled.load(run) is not None:
        recipes = [*recipes, best_without_images(run, recipes).model_copy(update={"guessed": GUESSED})]
        yield recipes
    best = best_without_images(run, recipes)
    yield [*recipes, *(best.model_copy(update={"synthetic": strength}) for strength in STRENGTHS)]


def trials(recipes: Sequence[Recipe]) -> list[tuple[Recipe, int]]:
    """The classifiers that recipes are tried by, by number: recipe of each, and the fold that it is tried on."""
    return list(itertools.product(recipes, range(FOLDS)))


def share_of_draws(num_real: int, num_others: int, strength: float) -> float:
    """Share of a class's draws that are synthetic or guessed images, 0 to `strength`: the rarer the class, the more.

    If every image were drawn equally often, a class of 20 real images filled up to 400 would be 95 % synthetic, and a
    classifier would learn the GAN's idea of the class.
    """
    return strength * num_others / (num_real + num_others) if num_others else 0.0


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


def best_without_images(run: Run, recipes: Sequence[Recipe]) -> Recipe:
    """The best recipe without synthetic images.

    Mixup and augmentation cost nothing, so the better mean decides, however close. Guessed labels need the images
    without labels at hand whenever a classifier is trained, so they must be better by more than a standard error.

    Args:
        run: in which these have been tried.
        recipes: the first lists of `rounds`.
    """
    found = _Found(run, recipes)
    best = max((recipe for recipe in recipes if not recipe.guessed), key=found.score)
    for guessed in (recipe for recipe in recipes if recipe.guessed):
        ahead, error = found.behind(best, guessed)
        best = guessed if ahead > error else best
    return best


def choose(run: Run, job: ResolvedJob) -> RecipeRecord:
    """Choose the recipe with synthetic images that is measured on held-out images, and leave it in the run.

    Beside the images, it is `best_without_images`; and of them it has the smallest share that falls short of the best
    share by no more than a standard error of the paired difference (Breiman et al. 1984, Classification and Regression
    Trees, section 3.4.3). The GANs have seen the validation images, which favours synthetic images. So whether any are
    better than none is decided by held-out images, not here (`advice.advise`).

    A recipe that was taken over from an earlier run stays.

    Returns:
        The recipe, and the result of each of the last of `rounds`.
    """
    if taken := taken_over(run):
        return taken
    *_, recipes = rounds(run, job.gate)
    found = _Found(run, recipes)
    with_images = [recipe for recipe in recipes if recipe.synthetic]
    most, best_of_all = (max(some, key=found.score) for some in (with_images, recipes))

    def within_error(recipe: Recipe) -> bool:
        mean, error = found.behind(recipe, most)
        return mean <= error

    tried = []
    for recipe in recipes:
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
            recipes: the first ones of `rounds`.
        """
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
