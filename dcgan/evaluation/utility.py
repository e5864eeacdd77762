"""Utility: what synthetic images do to a classifier's recall of held-out real images, class by class.

One seed trains two classifiers that differ in nothing but their images: real with classical augmentation, and the
same with synthetic images. Equal optimizer steps, classes drawn equally often in both.
"""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dcgan import randomness, storage
from dcgan.batches import Batches
from dcgan.classifier import predict, train_classifier
from dcgan.config import JobConfig
from dcgan.paths import Run
from dcgan.progress import OnProgress, Progress
from dcgan.split import labels_with_images

SHARE = 0.5  # of a class's draws that are synthetic, where it has any; our trials' best for a small classifier


def measure(run: Run, config: JobConfig, number: int, on_progress: OnProgress) -> dict[str, Any]:
    """Train and test the pair of classifiers number `number`; leave who was recognised in `run.utility(number)`."""
    file = run.utility(number)
    if not file.exists():
        labels = labels_with_images(run)
        real = [np.load(run.train_images(label)) for label in labels]
        synthetic = [_load_synthetic(run.generation(label)) for label in labels]
        tested = [np.load(run.holdout_images(label)) for label in labels]
        truth = np.concatenate([np.full(len(images), number) for number, images in enumerate(tested)])
        seed = randomness.key(config.generation.seed, "", f"utility {number}") % 2**31
        steps, kinds = config.gate.classifier_steps, config.gate.augmentation
        right = {}
        for arm, (name, pools) in enumerate({"without": None, "with": synthetic}.items()):
            batches = Batches(real, stream=seed, synthetic=pools, share=SHARE)
            told = functools.partial(_tell_of_both, on_progress, arm * steps, 2 * steps)
            model = train_classifier(batches, len(labels), steps, seed, kinds, told)
            right[name] = predict(model, np.concatenate(tested)).argmax(1) == truth
        storage.write_bytes(file, storage.pack_arrays(right | {"truth": truth}))
    arrays = storage.unpack_arrays(file.read_bytes())
    return {name: round(float(arrays[name].mean()), 4) for name in ("without", "with")}


def _tell_of_both(on_progress: OnProgress, before: int, total: int, progress: Progress) -> None:
    """Pass on the progress of one arm as that of the pair."""
    on_progress(progress | {"done": before + progress["done"], "total": total})


def _load_synthetic(folder: Path) -> np.ndarray | None:
    """A class's accepted images, uint8 (n, H, W, C), or None when none were made."""
    files = sorted((folder / "images").glob("*.png")) if folder.exists() else []
    if not files:
        return None
    images = np.stack([np.asarray(Image.open(io.BytesIO(file.read_bytes()))) for file in files])
    return images if images.ndim == 4 else images[..., None]
