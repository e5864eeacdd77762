"""How much of what a classifier learns of a class should be synthetic: chosen on validation images, and recommended.

The validation images are training images, in turn (`utility.try_shares`). What is held out for the verdict takes no
part.
"""

from __future__ import annotations

import itertools

import numpy as np

from dcgan.config import ResolvedJob
from dcgan.data.split import FOLDS
from dcgan.evaluation.sets import Sets
from dcgan.evaluation.statistics import balanced
from dcgan.files import storage
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import ShareRecord

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


def choose(run: Run, _: ResolvedJob) -> ShareRecord:
    """The smallest strength but 0 whose balanced accuracy over all folds is as good as the best; leave it in the run.

    As good is what falls short by no more than a standard error of the paired difference (Breiman et al. 1984,
    Classification and Regression Trees, section 3.4.3). The GANs have seen the images that are tried, which speaks for
    more synthetic ones than held-out images do: where it is close, fewer are safer. Whether any is better than none is
    not decided here: that is the gate's, on held-out images.

    A strength that was taken over from an earlier run stays.

    Returns:
        The strength, and what each of `STRENGTHS` came to.
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
    record = ShareRecord(
        chosen=min(strength for strength, (mean, error) in behind.items() if mean <= error),
        tried={f"{strength:g}": round(balanced(of_strength, truth)[0], 4) for strength, of_strength in right.items()},
    )
    records.write(run.share_record, record)
    return record


def taken_over(run: Run) -> ShareRecord | None:
    """A strength that was chosen in an earlier run; None: this run chooses its own."""
    record = records.read_if_there(run.share_record, ShareRecord)
    return record if record and record.run_id is not None else None
