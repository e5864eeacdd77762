"""Utility: what synthetic images do to a classifier's recall of held-out real images, class by class.

One seed trains four classifiers that differ in nothing but their images: real, and synthetic beside them or not, with
classical augmentation or without. Equal optimizer steps, classes drawn equally often in all of them.
"""

from __future__ import annotations

from typing import Any

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
    file = run.utility(number)
    sets = load_sets(run)
    strength = storage.read_json(run.share_record)["chosen"]
    if not sets.were_measured(file) or storage.unpack_arrays(file.read_bytes())["strength"] != strength:
        tested = [np.load(run.holdout_images(label))[~leaked(run, label)] for label in sets.labels]
        truth = np.repeat(np.arange(len(tested)), [len(images) for images in tested])
        seed = randomness.key(config.generation.seed, "", f"utility {number}") % 2**31
        steps = config.gate.classifier_steps
        right: dict[str, np.ndarray] = {}
        for arm, (name, (classical, synthetic)) in enumerate(ARMS.items()):
            pools, of_class = (sets.synthetic, shares(sets, strength)) if synthetic else (None, None)
            batches = Batches(sets.real, stream=seed, synthetic=pools, shares=of_class)
            told = part_of(on_progress, arm * steps, len(ARMS) * steps)
            kinds = config.gate.augmentation if classical else []
            build = builder(config.gate.classifier)
            model = train_classifier(batches, len(sets.labels), steps, seed, kinds, told, build)
            right[name] = predict(model, np.concatenate(tested)) == truth
        about = {"truth": truth, "synthetic": sets.counts, "strength": np.array(strength)}
        storage.write_bytes(file, storage.pack_arrays(right | about))
    arrays = storage.unpack_arrays(file.read_bytes())
    return {name: round(float(arrays[name].mean()), 4) for name in ARMS}


def try_fold(run: Run, config: JobConfig, fold: int, on_progress: OnProgress) -> dict[str, Any]:
    """Train a classifier with each strength on all but a fold, and leave who was recognised in `run.share(fold)`.

    It learns from two thirds of each class's training images and is tried on the third that it has not seen. The GANs
    have seen them all. So that their copies of an image cannot speak for them, a classifier gets no synthetic image
    whose nearest real image is among those that it is tried on.
    """
    sets = load_sets(run)
    file = run.share(fold)
    if not sets.were_measured(file):
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
        tried = np.concatenate([images[mask] for images, mask in zip(sets.real, left, strict=True)])
        truth = np.repeat(np.arange(len(left)), [int(mask.sum()) for mask in left])
        seed = randomness.key(config.generation.seed, "", f"share {fold}") % 2**31
        steps, kinds = config.gate.classifier_steps, config.gate.augmentation
        right = {}
        for number, strength in enumerate(STRENGTHS):
            batches = Batches(seen.real, stream=seed, synthetic=seen.synthetic, shares=shares(seen, strength))
            told = part_of(on_progress, number * steps, len(STRENGTHS) * steps)
            build = builder(config.gate.classifier)
            model = train_classifier(batches, len(left), steps, seed, kinds, told, build)
            right[f"{strength:g}"] = predict(model, tried) == truth
        storage.write_bytes(file, storage.pack_arrays(right | {"truth": truth, "synthetic": sets.counts}))
    arrays = storage.unpack_arrays(file.read_bytes())
    return {f"{strength:g}": round(float(arrays[f"{strength:g}"].mean()), 4) for strength in STRENGTHS}
