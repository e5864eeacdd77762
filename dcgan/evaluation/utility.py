"""Utility: what synthetic images do to a classifier's recall of held-out real images, class by class.

One seed trains four classifiers that differ in nothing but their images: real, and synthetic beside them or not, with
classical augmentation or without. Equal optimizer steps, classes drawn equally often in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dcgan import randomness, storage
from dcgan.batches import Batches
from dcgan.classifier import builder, predict, train_classifier
from dcgan.config import JobConfig
from dcgan.evaluation.leakage import leaked
from dcgan.evaluation.sets import ARMS, Sets, load_sets
from dcgan.evaluation.share import STRENGTHS, shares
from dcgan.paths import Run
from dcgan.progress import OnProgress, part_of
from dcgan.split import in_fold


def measure(run: Run, config: JobConfig, number: int, on_progress: OnProgress) -> dict[str, Any]:
    """Train and test the classifiers of seed number `number`; leave who was recognised in `run.utility(number)`."""
    sets = load_sets(run)
    strength = storage.read_json(run.share_record)["chosen"]

    def recognised() -> dict[str, np.ndarray]:
        tested = [np.load(run.holdout_images(label))[~leaked(run, label)] for label in sets.labels]
        arms = {}
        for name, (classical, synthetic) in ARMS.items():
            pools, of_class = (sets.synthetic, shares(sets, strength)) if synthetic else (None, None)
            arms[name] = Arm(sets.real, pools, of_class, config.gate.augmentation if classical else [])
        return _recognised(config, f"utility {number}", arms, tested, on_progress)

    about = {"synthetic": sets.counts, "strength": np.array(strength)}
    return _means(_measured_once(run.utility(number), about, recognised), ARMS)


def try_fold(run: Run, config: JobConfig, fold: int, on_progress: OnProgress) -> dict[str, Any]:
    """Train a classifier with each strength on all but a fold, and leave who was recognised in `run.share(fold)`.

    It learns from two thirds of each class's training images and is tried on the third that it has not seen. The GANs
    have seen them all. So that their copies of an image cannot speak for them, a classifier gets no synthetic image
    whose nearest real image is among those that it is tried on.
    """
    sets = load_sets(run)

    def recognised() -> dict[str, np.ndarray]:
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
            f"{strength:g}": Arm(seen.real, seen.synthetic, shares(seen, strength), config.gate.augmentation)
            for strength in STRENGTHS
        }
        tried = [images[mask] for images, mask in zip(sets.real, left, strict=True)]
        return _recognised(config, f"share {fold}", arms, tried, on_progress)

    found = _measured_once(run.share(fold), {"synthetic": sets.counts}, recognised)
    return _means(found, [f"{strength:g}" for strength in STRENGTHS])


class Arm(NamedTuple):
    """What one classifier is trained on; see `Batches`."""

    real: Sequence[np.ndarray]
    synthetic: Sequence[np.ndarray | None] | None
    shares: Sequence[float] | None
    augmentation: list[Any]


def _recognised(
    config: JobConfig, purpose: str, arms: Mapping[str, Arm], tested: Sequence[np.ndarray], on_progress: OnProgress
) -> dict[str, np.ndarray]:
    """Train a classifier on each arm, all from one seed, and test it on real images.

    Args:
        config: resolved.
        purpose: names the seed.
        arms: by name.
        tested: uint8 (n, H, W, C) of each class.
        on_progress: told of all trainings as one.

    Returns:
        Whether each tested image was recognised, bool (N,), by the arm's name, and `truth`, class numbers (N,).
    """
    images = np.concatenate(tested)
    truth = np.repeat(np.arange(len(tested)), [len(of_class) for of_class in tested])
    seed = randomness.key(config.generation.seed, "", purpose) % 2**31
    steps, build = config.gate.classifier_steps, builder(config.gate.classifier)
    right = {}
    for number, (name, arm) in enumerate(arms.items()):
        batches = Batches(arm.real, stream=seed, synthetic=arm.synthetic, shares=arm.shares)
        told = part_of(on_progress, number * steps, len(arms) * steps)
        model = train_classifier(batches, len(tested), steps, seed, arm.augmentation, told, build)
        right[name] = predict(model, images) == truth
    return right | {"truth": truth}


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


def _means(found: Mapping[str, np.ndarray], names: Iterable[str]) -> dict[str, Any]:
    return {name: round(float(found[name].mean()), 4) for name in names}
