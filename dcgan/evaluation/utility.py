"""Utility: what synthetic images do to a classifier's recall of held-out real images, class by class.

One seed trains four classifiers that differ in nothing but their images: real, and synthetic beside them or not, with
classical augmentation or without. Equal optimizer steps, classes drawn equally often in all of them. Each classifier
has a number, and any process can train any of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dcgan.config import ResolvedJob
from dcgan.data.leakage import leaked
from dcgan.data.split import FOLDS, in_fold
from dcgan.evaluation.sets import ARMS, Sets, compared, load_sets
from dcgan.evaluation.share import TRIED, shares
from dcgan.execution import randomness
from dcgan.execution.progress import OnProgress, part_of
from dcgan.files import storage
from dcgan.networks.batches import Batches
from dcgan.networks.classifier import trainer
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import ShareRecord


def measure(run: Run, job: ResolvedJob, numbers: Sequence[int], on_progress: OnProgress) -> dict[int, float]:
    """Train and test classifiers of `sets.compared`; leave what each recognised in `run.compared(number)`.

    Those with synthetic images need the share to be chosen.

    Returns:
        The share recognised, by number.
    """
    classifiers, steps = compared(job.gate.classifier_seeds), job.gate.classifier_steps
    sets = load_sets(run, synthetic=any(ARMS[classifiers[number][1]][1] for number in numbers))
    tested = [np.load(run.holdout_images(label))[~leaked(run, label)] for label in sets.labels]

    def trial(number: int) -> Trial:
        seed, name = classifiers[number]
        classical, synthetic = ARMS[name]
        about, arm = {}, Arm(sets.real, None, None, classical)
        if synthetic:
            strength = records.read(run.share_record, ShareRecord).chosen
            about = {"synthetic": sets.counts, "strength": np.array(strength)}
            arm = Arm(sets.real, sets.synthetic, shares(sets, strength), classical)
        return Trial(run.compared(number), about, f"utility {seed}", arm, steps, tested)

    return _carry_out(trial, numbers, Classifiers(job, sets), on_progress)


def try_shares(run: Run, job: ResolvedJob, numbers: Sequence[int], on_progress: OnProgress) -> dict[int, float]:
    """Train and test classifiers of `share.TRIED`; leave what each recognised in `run.tried(number)`.

    A classifier learns from two thirds of each class's training images, as often from each as the gate's do, and
    is tried on the third that it has not seen. The GANs have seen them all. So that their copies of an image cannot
    speak for them, it gets no synthetic image whose nearest real image is among those that it is tried on.

    Returns:
        The share recognised, by number.
    """
    sets = load_sets(run)
    steps = math.ceil(job.gate.classifier_steps * (FOLDS - 1) / FOLDS)

    def trial(number: int) -> Trial:
        fold, strength = TRIED[number]
        left = [in_fold(len(images), fold) for images in sets.real]
        # A class of one or two images is not tried on every fold: it must be learnt from something.
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
        arm = Arm(seen.real, seen.synthetic, shares(seen, strength), classical=True)
        tested = [images[mask] for images, mask in zip(sets.real, left, strict=True)]
        return Trial(run.tried(number), {"synthetic": sets.counts}, f"share {fold}", arm, steps, tested)

    return _carry_out(trial, numbers, Classifiers(job, sets), on_progress)


class Arm(NamedTuple):
    """What one classifier is trained on; see `Batches`."""

    real: Sequence[np.ndarray]
    synthetic: Sequence[np.ndarray | None] | None
    shares: Sequence[float] | None
    classical: bool
    """Whether with classical augmentation."""


class Trial(NamedTuple):
    """One classifier to train and to test."""

    file: Path
    """Where it is left what was recognised."""
    about: Mapping[str, np.ndarray]
    """What may change in a run and changes the outcome: kept in the file, and measured anew where it differs."""
    purpose: str
    """Names the seed."""
    arm: Arm
    steps: int
    """Optimizer steps."""
    tested: Sequence[np.ndarray]
    """uint8 (n, H, W, C) of each class."""


class Classifiers:
    """The classifiers that the job measures with, one after the other."""

    def __init__(self, job: ResolvedJob, sets: Sets) -> None:
        """Build nothing yet.

        Args:
            job: resolved.
            sets: whose images they tell apart.
        """
        self._seed, self._gate = job.generation.seed, job.gate
        self._shape, self._num_classes = sets.real[0].shape[1:], len(sets.labels)

    def recognised(
        self, purpose: str, arm: Arm, steps: int, tested: Sequence[np.ndarray], on_progress: OnProgress
    ) -> dict[str, np.ndarray]:
        """Train a classifier and test it on real images.

        Args:
            purpose: names the seed.
            arm: what it is trained on.
            steps: optimizer steps.
            tested: uint8 (n, H, W, C) of each class.
            on_progress: told after each stretch of steps.

        Returns:
            `right`, whether each tested image was recognised, bool (N,), and `truth`, class numbers (N,).
        """
        truth = np.repeat(np.arange(len(tested)), [len(of_class) for of_class in tested])
        seed = randomness.key(self._seed, "", purpose) % 2**31
        gate = self._gate
        kinds, mixup = (tuple(gate.augmentation), gate.mixup) if arm.classical else ((), False)
        one = trainer(self._shape, self._num_classes, kinds, mixup=mixup, path=gate.classifier)
        batches = Batches(arm.real, stream=seed, synthetic=arm.synthetic, shares=arm.shares)
        one.train(batches, steps, seed, on_progress)
        return {"right": one.predict(np.concatenate(tested)) == truth, "truth": truth}


def _carry_out(
    trial_of: Callable[[int], Trial], numbers: Sequence[int], classifiers: Classifiers, on_progress: OnProgress
) -> dict[int, float]:
    """Do each trial whose file does not hold what was measured about the same; the share recognised by number."""
    recognised: dict[int, float] = {}
    for position, number in enumerate(numbers):
        trial = trial_of(number)
        found = _standing(trial)
        if found is None:
            told = part_of(on_progress, position * trial.steps, len(numbers) * trial.steps)
            measured = classifiers.recognised(trial.purpose, trial.arm, trial.steps, trial.tested, told)
            found = measured | dict(trial.about)
            storage.write_bytes(trial.file, storage.pack_arrays(found))
        recognised[number] = round(float(found["right"].mean()), 4)
    return recognised


def _standing(trial: Trial) -> dict[str, np.ndarray] | None:
    """What was measured about the same; None when nothing was."""
    if not trial.file.exists():
        return None
    found = storage.unpack_arrays(trial.file.read_bytes())
    return found if all(np.array_equal(found[name], value) for name, value in trial.about.items()) else None
