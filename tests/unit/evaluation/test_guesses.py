"""Guessed labels: a fold gets those of who has not seen it, the proof those of a vote, and only scarce classes any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dcgan.config import ResolvedJob
from dcgan.data.split import FOLDS
from dcgan.evaluation import arms, guesses
from dcgan.evaluation.sets import Sets, load_sets
from dcgan.files import storage
from dcgan.run.paths import Run
from tests.conftest import split_run, write_digits

NUM_SEEDS = 3
HEAP = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Run, ResolvedJob, Sets]:
    """Two scarce classes beside a large one, and six images without labels."""
    write_digits(tmp_path / "images", {0: 15, 1: 18, 7: 170})
    run, job = split_run(tmp_path, gate={"classifier_seeds": NUM_SEEDS})
    run.unlabelled.mkdir()
    np.save(run.unlabelled / "images.npy", HEAP)
    table = pd.DataFrame({"path": [f"{n}.png" for n in range(6)], "image_sha256": [str(n) * 64 for n in range(6)]})
    table.to_parquet(run.unlabelled / "images.parquet")
    return run, job, load_sets(run)


def put(file: Path, said: list[int]) -> None:
    storage.write_bytes(file, storage.pack_arrays({guesses.GUESSES: np.array(said, np.int32)}))


def values(pools: list[np.ndarray | None]) -> list[list[int] | None]:
    """Which images without labels each class gets."""
    return [None if images is None else images[:, 0, 0, 0].tolist() for images in pools]


def test_fold_gets_what_was_guessed_without_it_and_the_large_class_nothing(
    prepared: tuple[Run, ResolvedJob, Sets],
) -> None:
    run, job, sets = prepared
    assert sets.scarce == [0, 1]
    for fold in range(FOLDS):
        put(run.tried(fold), [fold, 0, 1, 2, 0, 2])
    guesses.guess(run, job, "folds")
    assert values(guesses.for_fold(run, 0, sets)) == [[0, 1, 4], [2], None]
    assert values(guesses.for_fold(run, 1, sets)) == [[1, 4], [0, 2], None]
    assert values(guesses.for_fold(run, 2, sets)) == [[1, 4], [2], None]


def test_proof_gets_what_most_say_the_second_time_and_of_a_tie_what_the_first_one_does(
    prepared: tuple[Run, ResolvedJob, Sets],
) -> None:
    run, job, sets = prepared
    for number in arms.numbers(NUM_SEEDS, [arms.CLASSICAL]):
        put(run.compared(number), [1, 1, 0, 2, 2, 2])
    guesses.guess(run, job, "guessing")
    assert values(guesses.for_proof(run, sets, "guessing")) == [[2], [0, 1], None]
    said = [[0, 1, 2, 2, 0, 1], [0, 1, 0, 1, 0, 2], [0, 0, 1, 1, 1, 2]]
    for number, one in zip(arms.numbers(NUM_SEEDS, [arms.GUESSING]), said, strict=True):
        put(run.compared(number), one)
    guesses.guess(run, job, "proof")
    table = pd.read_parquet(run.guesses("proof"))
    assert table["label"].to_list() == ["0", "1", "7", "1", "0", "7"]
    assert table["votes"].to_list() == [3, 2, 1, 2, 2, 2]
    assert table["path"].to_list() == [f"{n}.png" for n in range(6)]
    assert values(guesses.for_proof(run, sets)) == [[0, 4], [1, 3], None]
    assert guesses.counts(run) == {"0": 2, "1": 2, "7": 2}


def test_without_images_without_labels_nobody_gets_any(prepared: tuple[Run, ResolvedJob, Sets]) -> None:
    run, _, sets = prepared
    np.save(run.unlabelled / "images.npy", HEAP[:0])
    assert guesses.for_proof(run, sets) == [] and guesses.counts(run) == {}
