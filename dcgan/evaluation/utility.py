"""Utility: what synthetic images do to a classifier's recall of held-out real images, class by class.

One seed trains four classifiers that differ in nothing but their images: real, and synthetic beside them or not, with
classical augmentation or without. Equal optimizer steps, classes drawn equally often in all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dcgan import randomness, storage
from dcgan.batches import Batches
from dcgan.classifier import Trainer, trainer
from dcgan.config import JobConfig
from dcgan.evaluation.leakage import leaked
from dcgan.evaluation.sets import ARMS, Sets, load_sets
from dcgan.evaluation.share import STRENGTHS, shares
from dcgan.paths import Run
from dcgan.progress import OnProgress, Progress, part_of
from dcgan.split import in_fold


def measure(run: Run, config: JobConfig, numbers: Sequence[int], on_progress: OnProgress) -> dict[str, Any]:
    """Train and test the classifiers of some seeds; leave who was recognised in `run.utility(number)` of each.

    Returns:
        By seed number the share recognised by each of `ARMS`.
    """
    sets = load_sets(run)
    tested = [np.load(run.holdout_images(label))[~leaked(run, label)] for label in sets.labels]
    strength = storage.read_json(run.share_record)["chosen"]
    arms = {}
    for name, (classical, synthetic) in ARMS.items():
        pools, of_class = (sets.synthetic, shares(sets, strength)) if synthetic else (None, None)
        arms[name] = Arm(sets.real, pools, of_class, classical)
    about = {"synthetic": sets.counts, "strength": np.array(strength)}
    classifiers = Classifiers(config, sets)

    def recognised(number: int, told: OnProgress) -> dict[str, np.ndarray]:
        return classifiers.recognised(f"utility {number}", arms, tested, told)

    return _one_by_one(numbers, run.utility, about, recognised, list(ARMS), on_progress)


def try_folds(run: Run, config: JobConfig, folds: Sequence[int], on_progress: OnProgress) -> dict[str, Any]:
    """Train a classifier with each strength on all but a fold, and leave who was recognised in `run.share(fold)`.

    It learns from two thirds of each class's training images and is tried on the third that it has not seen. The GANs
    have seen them all. So that their copies of an image cannot speak for them, a classifier gets no synthetic image
    whose nearest real image is among those that it is tried on.

    Returns:
        By fold the share recognised with each of `STRENGTHS`.
    """
    sets = load_sets(run)
    names = {f"{strength:g}": strength for strength in STRENGTHS}
    classifiers = Classifiers(config, sets)

    def recognised(fold: int, told: OnProgress) -> dict[str, np.ndarray]:
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
        arms = {
            name: Arm(seen.real, seen.synthetic, shares(seen, strength), classical=True)
            for name, strength in names.items()
        }
        tried = [images[mask] for images, mask in zip(sets.real, left, strict=True)]
        return classifiers.recognised(f"share {fold}", arms, tried, told)

    return _one_by_one(folds, run.share, {"synthetic": sets.counts}, recognised, list(names), on_progress)


class Arm(NamedTuple):
    """What one classifier is trained on; see `Batches`."""

    real: Sequence[np.ndarray]
    synthetic: Sequence[np.ndarray | None] | None
    shares: Sequence[float] | None
    classical: bool
    """Whether with classical augmentation."""


class Classifiers:
    """The classifiers that the job measures with, each arm's and each seed's after the other."""

    def __init__(self, config: JobConfig, sets: Sets) -> None:
        """Build nothing yet.

        Args:
            config: resolved.
            sets: whose images they tell apart.
        """
        self._seed, self._gate = config.generation.seed, config.gate
        self._shape, self._num_classes = sets.real[0].shape[1:], len(sets.labels)

    def recognised(
        self, purpose: str, arms: Mapping[str, Arm], tested: Sequence[np.ndarray], on_progress: OnProgress
    ) -> dict[str, np.ndarray]:
        """Train a classifier on each arm, all from one seed, and test it on real images.

        Args:
            purpose: names the seed.
            arms: by name.
            tested: uint8 (n, H, W, C) of each class.
            on_progress: told of all trainings as one.

        Returns:
            Whether each tested image was recognised, bool (N,), by the arm's name, and `truth`, class numbers (N,).
        """
        images = np.concatenate(tested)
        truth = np.repeat(np.arange(len(tested)), [len(of_class) for of_class in tested])
        seed = randomness.key(self._seed, "", purpose) % 2**31
        steps, right = self._gate.classifier_steps, {}
        for number, (name, arm) in enumerate(arms.items()):
            one = self._trainer(arm.classical)
            batches = Batches(arm.real, stream=seed, synthetic=arm.synthetic, shares=arm.shares)
            one.train(batches, steps, seed, part_of(on_progress, number * steps, len(arms) * steps))
            right[name] = one.predict(images) == truth
        return right | {"truth": truth}

    def _trainer(self, classical: bool) -> Trainer:
        gate = self._gate
        kinds, mixup = (tuple(gate.augmentation), gate.mixup) if classical else ((), False)
        return trainer(self._shape, self._num_classes, kinds, mixup=mixup, path=gate.classifier)


def _one_by_one(
    numbers: Sequence[int],
    file_of: Callable[[int], Path],
    about: Mapping[str, np.ndarray],
    recognised: Callable[[int, OnProgress], dict[str, np.ndarray]],
    names: Sequence[str],
    on_progress: OnProgress,
) -> dict[str, Any]:
    """Measure each number whose file does not hold what was measured about the same; give the means by number."""
    means = {}
    for position, number in enumerate(numbers):

        def tell(progress: Progress, position: int = position) -> None:
            of_one = progress["total"]
            done = position * of_one + progress["done"]
            on_progress(progress | {"done": done, "total": len(numbers) * of_one})

        found = _measured_once(file_of(number), about, functools.partial(recognised, number, tell))
        means[str(number)] = {name: round(float(found[name].mean()), 4) for name in names}
    return means


def _measured_once(
    file: Path, about: Mapping[str, np.ndarray], measure_anew: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """What a file holds, if it was measured about the same; else it is measured and written."""
    if file.exists():
        found = storage.unpack_arrays(file.read_bytes())
        if all(np.array_equal(found[name], value) for name, value in about.items()):
            return found
    found = measure_anew() | dict(about)
    storage.write_bytes(file, storage.pack_arrays(found))
    return found
