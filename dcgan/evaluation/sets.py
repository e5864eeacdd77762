"""What classifiers are trained on and tested with: real and synthetic images of a run, class by class."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dcgan.data.split import labels_with_images
from dcgan.files import pictures
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import GenerationRecord

RARE_SHARE = 0.2  # of the largest class's training images: classes with at most so many are called rare


@dataclass(frozen=True)
class Sets:
    """Images uint8 (n, H, W, C), one array for each class that has training images."""

    labels: list[str]
    real: list[np.ndarray]
    """Training images."""
    synthetic: list[np.ndarray | None]
    """None: the class has none."""
    nearest: Sequence[np.ndarray]
    """For each synthetic image the row of the nearest real training image of its class, int64 (n,)."""
    guessed: Sequence[np.ndarray | None] = ()
    """Images without labels that classifiers guess to be of a class; empty: none of any class."""

    @property
    def counts(self) -> np.ndarray:
        """Synthetic images by class, int64 (K,)."""
        return np.array([0 if images is None else len(images) for images in self.synthetic])

    @functools.cached_property
    def scarce(self) -> list[int]:
        """See `scarce`."""
        return scarce([len(images) for images in self.real])


def rare(num_real: Sequence[int]) -> list[int]:
    """The numbers of the rare classes, by how many training images each class has."""
    most = RARE_SHARE * max(num_real)
    return [number for number, count in enumerate(num_real) if count <= most]


def scarce(num_real: Sequence[int]) -> list[int]:
    """The numbers of the classes that need more images: the rare ones, or all if none is rare."""
    return rare(num_real) or list(range(len(num_real)))


def num_synthetic(run: Run) -> dict[str, int]:
    """The number of synthetic images of each class that has as many as were requested."""
    counts = {}
    for label in labels_with_images(run):
        record = records.read_if_there(run.generation(label) / "record.json", GenerationRecord)
        if record and not record.short:
            counts[label] = record.accepted
    return counts


def load_sets(run: Run, *, synthetic: bool = True) -> Sets:
    """All training images, and the synthetic ones of every class in `num_synthetic` unless they are not needed."""
    labels, counts = labels_with_images(run), num_synthetic(run) if synthetic else {}
    split = pd.read_parquet(run.split_table)
    split = split[split["split"] == "train"]
    real = [np.load(run.train_images(label)) for label in labels]
    made: list[np.ndarray | None] = []
    nearest = []
    for label in labels:
        if label not in counts:
            made.append(None)
            nearest.append(np.empty(0, np.int64))
            continue
        folder = run.generation(label)
        rows = pd.read_parquet(folder / "rows.parquet", columns=["image_id", "nearest_real_path"])
        made.append(pictures.stack(folder / "images" / f"{name}.png" for name in rows["image_id"]))
        row_of = split[split["label"] == label].set_index("path")["row"]
        nearest.append(row_of.loc[rows["nearest_real_path"]].to_numpy(np.int64))
    return Sets(labels, real, made, nearest)
