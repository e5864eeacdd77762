"""Utility: what synthetic images do to a classifier's recall of held-out real images, class by class.

One seed trains two classifiers that differ in nothing but their images: real with classical augmentation, and the
same with synthetic images. Equal optimizer steps, classes drawn equally often in both.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dcgan import pictures, randomness, storage
from dcgan.batches import Batches
from dcgan.classifier import predict, train_classifier
from dcgan.config import JobConfig
from dcgan.evaluation.share import synthetic_share
from dcgan.paths import Run
from dcgan.progress import OnProgress, Progress
from dcgan.split import labels_with_images


def measure(run: Run, config: JobConfig, number: int, on_progress: OnProgress) -> dict[str, Any]:
    """Train and test the pair of classifiers number `number`; leave who was recognised in `run.utility(number)`."""
    file = run.utility(number)
    labels = labels_with_images(run)
    files = [sorted((run.generation(label) / "images").glob("*.png")) for label in labels]
    counts = [len(of_class) for of_class in files]
    if not _is_measured(file, counts):
        synthetic = [np.stack([pictures.read(file) for file in of_class]) if of_class else None for of_class in files]
        real = [np.load(run.train_images(label)) for label in labels]
        shares = [synthetic_share(len(images), count) for images, count in zip(real, counts, strict=True)]
        tested = [np.load(run.holdout_images(label)) for label in labels]
        truth = np.concatenate([np.full(len(images), number) for number, images in enumerate(tested)])
        seed = randomness.key(config.generation.seed, "", f"utility {number}") % 2**31
        steps, kinds = config.gate.classifier_steps, config.gate.augmentation
        right = {}
        for arm, (name, pools) in enumerate({"without": None, "with": synthetic}.items()):
            batches = Batches(real, stream=seed, synthetic=pools, shares=shares if pools else None)
            told = functools.partial(_tell_of_both, on_progress, arm * steps, 2 * steps)
            model = train_classifier(batches, len(labels), steps, seed, kinds, told)
            right[name] = predict(model, np.concatenate(tested)).argmax(1) == truth
        storage.write_bytes(file, storage.pack_arrays(right | {"truth": truth, "synthetic": np.array(counts)}))
    arrays = storage.unpack_arrays(file.read_bytes())
    return {name: round(float(arrays[name].mean()), 4) for name in ("without", "with")}


def _is_measured(file: Path, counts: Sequence[int]) -> bool:
    """Whether the pair was measured already, with as many synthetic images of each class as there are now."""
    return file.exists() and np.array_equal(storage.unpack_arrays(file.read_bytes())["synthetic"], counts)


def _tell_of_both(on_progress: OnProgress, before: int, total: int, progress: Progress) -> None:
    """Pass on the progress of one arm as that of the pair."""
    on_progress(progress | {"done": before + progress["done"], "total": total})
