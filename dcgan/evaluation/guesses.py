"""Labels guessed for images without labels, so that classifiers can learn from these too (pseudo-labels, Lee 2013).

Classifiers of the real images guess. One that has not seen a fold guesses for those that are tested on this fold, so
that the choice of a recipe is not biased. For the proof, the classifiers of all its seeds vote; those that have learnt
from these labels then vote again, since they recognise more of the rare classes' images (benchmarks/TRIALS.md).
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np
import pandas as pd

from dcgan.config import ResolvedJob
from dcgan.data import unlabelled
from dcgan.data.split import FOLDS, labels_with_images
from dcgan.evaluation import arms
from dcgan.evaluation.sets import Sets
from dcgan.files import storage
from dcgan.run.paths import Run

Whom = Literal["folds", "guessing", "proof"]
"""Whom labels are guessed for: who chooses the recipe, who guesses again (`arms.GUESSING`), or who proves it."""

GUESSES = "guesses"  # in a classifier's file: the class number of each image without a label, int32 (n,)


def guess(run: Run, job: ResolvedJob, whom: Whom) -> None:
    """Gather what classifiers have guessed, and leave it in the run.

    Args:
        run: with the first recipe tried on every fold; with the classifiers of `arms.CLASSICAL` tested; or with
            those of `arms.GUESSING`.
        job: resolved.
        whom: see there.
    """
    if whom == "folds":
        files = [run.tried(number) for number in range(FOLDS)]
    else:
        arm = arms.CLASSICAL if whom == "guessing" else arms.GUESSING
        files = [run.compared(number) for number in arms.numbers(job.gate.classifier_seeds, [arm])]
    found = np.stack([storage.unpack_arrays(file.read_bytes())[GUESSES] for file in files])
    table = unlabelled.table(run)
    if whom == "folds":
        table = table.assign(**{str(fold): found[fold] for fold in range(FOLDS)})
    else:
        labels = labels_with_images(run)
        winner, votes = _vote(found, len(labels))
        table = table.assign(label=np.array(labels, object)[winner], votes=votes)
    storage.write_atomic(run.guesses(whom), lambda file: table.to_parquet(file, index=False))


def for_fold(run: Run, fold: int, sets: Sets) -> list[np.ndarray | None]:
    """The images without labels by the class that is guessed without a fold's images.

    Args:
        run: with labels guessed for "folds".
        fold: 0 to `FOLDS` - 1.
        sets: of the whole run.

    Returns:
        uint8 (n, H, W, C) for each scarce class. Others have enough real images, and guesses only put wrong ones among
        them.
    """
    return _by_class(run, pd.read_parquet(run.guesses("folds"))[str(fold)].to_numpy(), sets)


def for_proof(run: Run, sets: Sets, whom: Literal["guessing", "proof"] = "proof") -> list[np.ndarray | None]:
    """The same by what the classifiers of all seeds guess.

    Args:
        run: with labels guessed, unless there are no images without labels.
        sets: of the whole run.
        whom: see there.
    """
    if unlabelled.load(run) is None:
        return []
    number_of = {label: number for number, label in enumerate(sets.labels)}
    return _by_class(run, pd.read_parquet(run.guesses(whom))["label"].map(number_of).to_numpy(), sets)


def counts(run: Run) -> dict[str, int]:
    """How many images are guessed to be of each class, by label; none if no labels were guessed for "proof"."""
    file = run.guesses("proof")
    return Counter(pd.read_parquet(file)["label"]) if file.exists() else {}


def _by_class(run: Run, numbers: np.ndarray, sets: Sets) -> list[np.ndarray | None]:
    images = unlabelled.load(run)
    assert images is not None
    return [images[numbers == number] if number in sets.scarce else None for number in range(len(sets.labels))]


def _vote(guesses: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """What most of the classifiers say, (n,), and how many do, (n,); of two that are as many, what the first one says.

    Args:
        guesses: class numbers (classifiers, n).
        num_classes: of the run.
    """
    rows = np.arange(guesses.shape[1])
    votes = np.zeros((guesses.shape[1], num_classes), np.int16)
    for of_one in guesses:
        votes[rows, of_one] += 1
    most = votes.max(1)
    return np.where(votes[rows, guesses[0]] == most, guesses[0], votes.argmax(1)), most
