"""Utility: what synthetic images do to a classifier's recall of held-out real images, class by class.

For each seed there is a classifier of each arm. They differ only in what they are trained on: the optimizer steps are
the same, and all draw every class equally often. Each classifier has a number, and any process can train any of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dcgan.config import ResolvedJob
from dcgan.config.gate import GateConfig
from dcgan.data import unlabelled
from dcgan.data.leakage import leaked
from dcgan.data.split import in_fold
from dcgan.evaluation import arms, checks, guesses
from dcgan.evaluation.recipes import classifier_steps, share_of_draws, trial_steps, trials
from dcgan.evaluation.recognitions import margins
from dcgan.evaluation.sets import Sets, load_sets
from dcgan.execution import randomness
from dcgan.execution.progress import OnProgress, part_of
from dcgan.files import storage
from dcgan.networks.batches import Batches, Pools
from dcgan.networks.classifier import trainer
from dcgan.networks.pace import PROOF
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import MeasuresRecord, Recipe, RecipeRecord


def measure(run: Run, job: ResolvedJob, numbers: Sequence[int], on_progress: OnProgress) -> dict[int, float]:
    """Train and test classifiers of `arms.compared`. `run.compared(number)` gets the margins of each.

    All but those of `arms.BEFORE` need the recipe to be chosen first, and the labels that are guessed for them.

    Returns:
        The share recognised, by number.
    """
    classifiers = arms.compared(job.gate.classifier_seeds)
    recipes = dict.fromkeys(arms.BEFORE, arms.classical(job.gate))
    if any(classifiers[number][1] not in arms.BEFORE for number in numbers):
        record = records.read(run.recipe_record, RecipeRecord)
        recipes = {arms.GUESSING: record.chosen.without_images} | arms.recipes(job.gate, record)
    with_images = any(recipes[classifiers[number][1]].synthetic for number in numbers)
    sets = _sets(run, job.gate, with_images=with_images)
    tested = [np.load(run.holdout_images(label))[~leaked(run, label)] for label in sets.labels]
    steps = classifier_steps(job.gate, [len(images) for images in sets.real])

    @functools.cache
    def guessed(*, again: bool) -> list[np.ndarray | None]:
        return guesses.for_proof(run, sets, "guessing" if again else "proof")

    def trial(number: int) -> Trial:
        seed, arm = classifiers[number]
        recipe = recipes[arm]
        of_arm = halved(sets, seed) if arm == arms.FEWER else sets
        of_arm = replace(of_arm, guessed=guessed(again=arm == arms.GUESSING) if recipe.guessed else ())
        to_guess = unlabelled.load(run) if arm in (arms.CLASSICAL, arms.GUESSING) else None
        about = _about(sets, recipe)
        return Trial(run.compared(number), about, f"utility {seed}", of_arm, recipe, steps, tested, to_guess)

    return _carry_out(trial, numbers, Classifiers(job, sets), on_progress)


def try_recipes(
    run: Run,
    job: ResolvedJob,
    numbers: Sequence[int],
    on_progress: OnProgress,
    recipes: Sequence[Mapping[str, Any]],
) -> dict[int, float]:
    """Train and test classifiers of `recipes.trials`. `run.tried(number)` gets the margins of each.

    A classifier learns from two thirds of each class's training images, as often from each as the gate's do, and is
    tested on the third that it has not seen. The GANs have seen them all. So that copies cannot count in favour of the
    GANs, it gets no synthetic image whose nearest real image is among those that it is tested on.

    Args:
        run: with synthetic images.
        job: resolved.
        numbers: of the classifiers.
        on_progress: called after each stretch of steps.
        recipes: one of the lists of `recipes.rounds`, as JSON.

    Returns:
        The share recognised, by number.
    """
    tried = trials([Recipe.model_validate(recipe) for recipe in recipes])
    sets = _sets(run, job.gate, with_images=any(tried[number][0].synthetic for number in numbers))
    steps_of_all = classifier_steps(job.gate, [len(images) for images in sets.real])

    def trial(number: int) -> Trial:
        recipe, fold = tried[number]
        left = [in_fold(len(images), fold) for images in sets.real]
        # A class of one or two images is not tested on every fold: it needs some image to learn from.
        left = [mask if not mask.all() else np.zeros_like(mask) for mask in left]
        seen = Sets(
            sets.labels,
            [images[~mask] for images, mask in zip(sets.real, left, strict=True)],
            [
                images[~mask[nearest]] if images is not None else None
                for images, nearest, mask in zip(sets.synthetic, sets.nearest, left, strict=True)
            ],
            [],
        )
        if recipe.guessed:
            seen = replace(seen, guessed=guesses.for_fold(run, fold, sets))
        to_guess = unlabelled.load(run) if recipe == tried[0][0] else None
        tested = [images[mask] for images, mask in zip(sets.real, left, strict=True)]
        steps = trial_steps(steps_of_all)
        about = _about(sets, recipe) | {"steps": np.array(steps_of_all)}
        return Trial(run.tried(number), about, f"recipe {fold}", seen, recipe, steps, tested, to_guess)

    return _carry_out(trial, numbers, Classifiers(job, sets), on_progress)


def _sets(run: Run, gate: GateConfig, *, with_images: bool) -> Sets:
    """All real images, and if asked for, the synthetic ones of which something may ship.

    Those that fail a check are left out, since they would count against all others.
    """
    sets = load_sets(run, synthetic=with_images)
    measures = records.read_if_there(run.measures, MeasuresRecord) if with_images else None
    if gate.policy == "report" or measures is None:
        return sets
    fit = [not checks.failed(measures.classes.get(label, {})) for label in sets.labels]
    synthetic = [images if is_fit else None for images, is_fit in zip(sets.synthetic, fit, strict=True)]
    return replace(sets, synthetic=synthetic)


def _about(sets: Sets, recipe: Recipe) -> dict[str, np.ndarray]:
    """See `Trial.about`: a classifier that learns of no synthetic images does not depend on them."""
    return {"synthetic": sets.counts} if recipe.synthetic else {}


def halved(sets: Sets, seed: int) -> Sets:
    """The same with half of each scarce class's real images, a different half for each seed."""
    draws = np.random.default_rng(seed)
    real = [
        images[np.sort(draws.permutation(len(images))[: -(-len(images) // 2)])] if number in sets.scarce else images
        for number, images in enumerate(sets.real)
    ]
    return replace(sets, real=real)


class Trial(NamedTuple):
    """One classifier to train and to test."""

    file: Path
    """Gets `margin`, float32 (N,), see `recognitions.margins`, and `truth`, class numbers (N,)."""
    about: Mapping[str, np.ndarray]
    """What affects the outcome and may change within a run. Kept in the file with the recipe; where it differs, the
    classifier is trained again."""
    purpose: str
    """Names the seed."""
    sets: Sets
    """What it is trained on; of the synthetic and the guessed images, as the recipe says."""
    recipe: Recipe
    steps: int
    """Optimizer steps."""
    tested: Sequence[np.ndarray]
    """uint8 (n, H, W, C) of each class."""
    to_guess: np.ndarray | None
    """uint8 (n, H, W, C), whose class numbers the file gets as `guesses.GUESSES`."""


class Classifiers:
    """Trains the classifiers that the job measures with, one after the other."""

    def __init__(self, job: ResolvedJob, sets: Sets) -> None:
        """Build nothing yet.

        Args:
            job: resolved.
            sets: whose images they tell apart.
        """
        self._seed, self._gate = job.generation.seed, job.gate
        self._shape, self._num_classes = sets.real[0].shape[1:], len(sets.labels)

    def trained(
        self, purpose: str, sets: Sets, recipe: Recipe, steps: int, on_progress: OnProgress
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Train a classifier.

        Args:
            purpose: names the seed.
            sets: what it is trained on; of the synthetic and the guessed images, as the recipe says.
            recipe: see there.
            steps: optimizer steps.
            on_progress: called after each stretch of steps.

        Returns:
            From uint8 (N, H, W, C) to its logits, float32 (N, K), until the next one is trained.
        """
        seed = randomness.key(self._seed, "", purpose) % 2**31
        one = trainer(self._shape, self._num_classes, recipe.augmentation, PROOF, path=self._gate.classifier)
        synthetic = beside(sets.real, sets.synthetic, recipe.synthetic)
        guessed = beside(sets.real, sets.guessed, recipe.guessed)
        batches = Batches(sets.real, synthetic, guessed, stream=seed)
        one.train(batches, steps, seed, on_progress, mixup=recipe.mixup)
        return one.logits


def beside(real: Sequence[np.ndarray], images: Sequence[np.ndarray | None], strength: float) -> Pools:
    """Some images of each class beside its real ones, each class's with its `share_of_draws`; empty: none of any."""
    if not strength or not images:
        images = [None] * len(real)
    counts = [0 if of_class is None else len(of_class) for of_class in images]
    pairs = zip(real, counts, strict=True)
    return Pools(images, [share_of_draws(len(of_class), count, strength) for of_class, count in pairs])


def _carry_out(
    trial_of: Callable[[int], Trial], numbers: Sequence[int], classifiers: Classifiers, on_progress: OnProgress
) -> dict[int, float]:
    """Perform each trial whose file does not hold its result already; returns the share recognised, by number."""
    recognised: dict[int, float] = {}
    for position, number in enumerate(numbers):
        trial = trial_of(number)
        about = {**trial.about, "recipe": np.array(trial.recipe.model_dump_json())}
        found = _standing(trial.file, about)
        if found is None:
            report = part_of(on_progress, position * trial.steps, len(numbers) * trial.steps)
            logits = classifiers.trained(trial.purpose, trial.sets, trial.recipe, trial.steps, report)
            truth = np.repeat(np.arange(len(trial.tested)), [len(of_class) for of_class in trial.tested])
            found = {"margin": margins(logits(np.concatenate(trial.tested)), truth), "truth": truth} | about
            if trial.to_guess is not None:
                found[guesses.GUESSES] = logits(trial.to_guess).argmax(1).astype(np.int32)
            storage.write_bytes(trial.file, storage.pack_arrays(found))
        recognised[number] = round(float((found["margin"] > 0).mean()), 4)
    return recognised


def _standing(file: Path, about: Mapping[str, np.ndarray]) -> dict[str, np.ndarray] | None:
    """The result that a file holds for the same trial; None if it holds none."""
    if not file.exists():
        return None
    found = storage.unpack_arrays(file.read_bytes())
    stands = all(name in found and np.array_equal(found[name], value) for name, value in about.items())
    return found if stands else None
