"""How much of what a classifier learns of a class should be synthetic: chosen on validation images, and recommended.

The validation images are training images, in turn (`utility.try_shares`). What is held out for the verdict takes no
part.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from dcgan import storage
from dcgan.evaluation.sets import Sets
from dcgan.paths import Run
from dcgan.split import FOLDS

STRENGTHS = (0.0, 0.25, 0.5)  # share of a class's draws when it has hardly any real images
TRIED = tuple(itertools.product(range(FOLDS), STRENGTHS))
"""The classifiers that the choice is made by, by number: fold that each is tried on, and strength."""


def synthetic_share(num_real: int, num_synthetic: int, strength: float) -> float:
    """Share of a class's draws that are synthetic, 0 to `strength`: the rarer the class, the more.

    Drawn as often as there are images, a class of 20 real images that is filled up to 400 would be 95 % synthetic, and
    what a classifier learns of it would be what the GAN makes of it.
    """
    return strength * num_synthetic / (num_real + num_synthetic) if num_synthetic else 0.0


def shares(sets: Sets, strength: float) -> list[float]:
    """`synthetic_share` of each class."""
    return [
        synthetic_share(len(images), int(count), strength) for images, count in zip(sets.real, sets.counts, strict=True)
    ]


def choose(run: Run) -> dict[str, Any]:
    """The strength with the highest balanced accuracy over all folds, of those that are not 0; leave it in the run.

    Whether it is better than none is not decided here: that is the gate's, on held-out images.

    A strength that was taken over from an earlier run stays: it has the key `run_id`.

    Returns:
        `chosen`, and `tried`: balanced accuracy, 0 to 1, by strength, 0 among them.
    """
    if taken := taken_over(run):
        return taken
    found = [storage.unpack_arrays(run.tried(number).read_bytes()) for number in range(len(TRIED))]
    tried = {}
    for strength in STRENGTHS:
        folds = [arrays for arrays, (_, of_arrays) in zip(found, TRIED, strict=True) if of_arrays == strength]
        right, truth = (np.concatenate([arrays[name] for arrays in folds]) for name in ("right", "truth"))
        recalls = [right[truth == number].mean() for number in np.unique(truth)]
        tried[f"{strength:g}"] = round(float(np.mean(recalls)), 4)
    chosen = max((strength for strength in STRENGTHS if strength), key=lambda strength: tried[f"{strength:g}"])
    record = {"chosen": chosen, "tried": tried}
    storage.write_json(run.share_record, record)
    return record


def taken_over(run: Run) -> dict[str, Any]:
    """The record of a strength that was chosen in an earlier run; {} when this run chooses its own."""
    record = dict(storage.read_json(run.share_record)) if run.share_record.exists() else {}
    return record if "run_id" in record else {}
