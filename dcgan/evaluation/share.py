"""How much of what a classifier learns of a class should be synthetic: chosen on validation images, and recommended.

The validation images are training images, in turn (`utility.try_shares`). What is held out for the verdict takes no
part.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from dcgan.config import JobConfig
from dcgan.data.split import FOLDS
from dcgan.evaluation.sets import Sets
from dcgan.evaluation.statistics import balanced
from dcgan.files import storage
from dcgan.run.paths import Run

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


def choose(run: Run, _: JobConfig) -> dict[str, Any]:
    """The smallest strength but 0 whose balanced accuracy over all folds is as good as the best; leave it in the run.

    As good is what falls short by no more than a standard error of the paired difference (Breiman et al. 1984,
    Classification and Regression Trees, section 3.4.3). The GANs have seen the images that are tried, which speaks for
    more synthetic ones than held-out images do: where it is close, fewer are safer. Whether any is better than none is
    not decided here: that is the gate's, on held-out images.

    A strength that was taken over from an earlier run stays: it has the key `run_id`.

    Returns:
        `chosen`, and `tried`: balanced accuracy, 0 to 1, by strength, 0 among them.
    """
    if taken := taken_over(run):
        return taken
    found = [storage.unpack_arrays(run.tried(number).read_bytes()) for number in range(len(TRIED))]
    right = {}
    for strength in STRENGTHS:
        folds = [arrays for arrays, (_, of_arrays) in zip(found, TRIED, strict=True) if of_arrays == strength]
        right[strength], truth = (np.concatenate([arrays[name] for arrays in folds]) for name in ("right", "truth"))
    candidates = [strength for strength in STRENGTHS if strength]
    best = max(candidates, key=lambda strength: balanced(right[strength], truth)[0])
    behind = {strength: balanced(right[best].astype(float) - right[strength], truth) for strength in candidates}
    record = {
        "chosen": min(strength for strength, (mean, error) in behind.items() if mean <= error),
        "tried": {
            f"{strength:g}": round(balanced(of_strength, truth)[0], 4) for strength, of_strength in right.items()
        },
    }
    storage.write_json(run.share_record, record)
    return record


def taken_over(run: Run) -> dict[str, Any]:
    """The record of a strength that was chosen in an earlier run; {} when this run chooses its own."""
    record = dict(storage.read_json(run.share_record)) if run.share_record.exists() else {}
    return record if "run_id" in record else {}
