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
STRENGTHS = (0.0, 0.25, 0.5)  # share of a class's draws when it has hardly any real images


def candidates(gate: GateConfig) -> list[Recipe]:
    """The recipes to try, simplest first: fewer synthetic images before more, then without mixup before with it."""
    mixups = (False, True) if gate.mixup == "auto" else (gate.mixup,)
    return [
        Recipe(augmentation=tuple(augmentation), mixup=mixup, synthetic=strength)
        for strength, mixup, augmentation in itertools.product(STRENGTHS, mixups, [gate.augmentation, *gate.recipes])
    ]


def trials(gate: GateConfig) -> list[tuple[int, Recipe]]:
    """The classifiers that the choice is made by, by number: fold that each is tried on, and its recipe."""
    return list(itertools.product(range(FOLDS), candidates(gate)))


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


def choose(run: Run, job: ResolvedJob) -> RecipeRecord:
    """Choose the recipe with synthetic images that is measured on held-out images, and leave it in the run.

    First augmentation and mixup: the best by the mean over all shares of synthetic images, 0 among them. They cost
    nothing, so the better mean decides, however close. Then the smallest share that falls short of the best by no more
    than a standard error of the paired difference (Breiman et al. 1984, Classification and Regression Trees, section
    3.4.3). The GANs have seen the validation images, which favours synthetic images. So whether any are better than
    none is decided by held-out images, not here (`advice.advise`).

    A recipe that was taken over from an earlier run stays.

    Returns:
        The recipe, and the result of each of `candidates`.
    """
    if taken := taken_over(run):
        return taken
    found = [storage.unpack_arrays(run.tried(number).read_bytes()) for number in range(len(trials(job.gate)))]
    tried = candidates(job.gate)
    of_recipe = [found[number :: len(tried)] for number in range(len(tried))]  # by recipe, each fold's
    truth = np.concatenate([arrays["truth"] for arrays in of_recipe[0]])
    right = [np.concatenate([arrays["right"] for arrays in folds]).astype(float) for folds in of_recipe]
    of_parts: dict[Recipe, list[np.ndarray]] = {}
    for recipe, values in zip(tried, right, strict=True):
        of_parts.setdefault(recipe.without_images, []).append(values)
    parts = max(of_parts, key=lambda recipe: balanced(np.mean(of_parts[recipe], axis=0), truth)[0])
    with_images = {
        recipe: values
        for recipe, values in zip(tried, right, strict=True)
        if recipe.synthetic and recipe.without_images == parts
    }
    most = max(with_images.values(), key=lambda values: balanced(values, truth)[0])
    short = {recipe: balanced(most - values, truth) for recipe, values in with_images.items()}
    scores = [balanced(values, truth)[0] for values in right]
    best = right[int(np.argmax(scores))]
    behind = [balanced(best - values, truth) for values in right]
    record = RecipeRecord(
        chosen=next(recipe for recipe, (mean, error) in short.items() if mean <= error),
        steps=int(found[0]["steps"]),
        tried=[
            TriedRecipe(recipe=recipe, balanced_accuracy=round(score, 4), behind=round(mean, 4), error=round(error, 4))
            for recipe, score, (mean, error) in zip(tried, scores, behind, strict=True)
        ],
    )
    records.write(run.recipe_record, record)
    return record


def taken_over(run: Run) -> RecipeRecord | None:
    """A recipe that was taken over from an earlier run; None if this run chooses its own."""
    record = records.read_if_there(run.recipe_record, RecipeRecord)
    return record if record and record.run_id is not None else None
