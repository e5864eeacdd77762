"""The choice of a recipe: the simplest that is as good as the best, on images that are not held out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from dcgan.config import parse_job
from dcgan.config.gate import GateConfig
from dcgan.evaluation.arms import CLASSICAL, FEWER, WITH, WITHOUT
from dcgan.evaluation.arms import recipes as recipes_of
from dcgan.evaluation.recipes import (
    choose,
    plain,
    rounds,
    share_of_draws,
    taken_over,
    trials,
)
from dcgan.files import storage
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import Recipe, RecipeRecord
from tests.records import recipe, recipe_record

Parts = tuple[bool, bool, float]
"""Mixup, guessed labels, and share of synthetic images."""


def parts_of(one: Recipe) -> Parts:
    return one.mixup, one.guessed > 0, one.synthetic


def test_plain_recipes_are_all_of_what_the_job_allows() -> None:
    assert [parts_of(one) for one in plain(GateConfig())] == [(False, False, 0), (True, False, 0)]
    assert {one.mixup for one in plain(GateConfig(mixup=True))} == {True}
    assert {one.mixup for one in plain(GateConfig(mixup=False))} == {False}
    more = plain(GateConfig(mixup=False, recipes=[["flip"]]))
    assert [one.augmentation for one in more] == [("translation", "brightness"), ("flip",)]


def put_unlabelled(run: Run) -> None:
    """One image without a label."""
    run.unlabelled.mkdir(parents=True)
    np.save(run.unlabelled / "images.npy", np.zeros((1, 8, 8, 1), np.uint8))


def chosen_of(
    tmp_path: Path, rights: Mapping[Parts, np.ndarray], truth: np.ndarray, *, with_unlabelled: bool = False
) -> RecipeRecord:
    """What is chosen where the recipes recognised these images; all others none."""
    run = Run(tmp_path)
    job = parse_job({"name": "j", "data": {"source": "x"}}, where="").resolve(Path())
    if with_unlabelled:
        put_unlabelled(run)
    before: list[Recipe] = []
    for recipes in rounds(run, job.gate):
        assert recipes[: len(before)] == before
        for number, (one, _) in enumerate(trials(recipes)):
            right = rights.get(parts_of(one), np.zeros(len(truth), bool))
            arrays = {"margin": np.where(right, 1.0, -1.0), "truth": truth, "steps": np.array(7)}
            storage.write_bytes(run.tried(number), storage.pack_arrays(arrays))
        before = recipes
    record = choose(run, job)
    assert [one.recipe for one in record.tried] == before
    assert records.read(run.recipe_record, RecipeRecord) == record and record.steps == 7
    return record


def missing(counts: Mapping[Parts, int]) -> dict[Parts, np.ndarray]:
    """Which of 100 images each recipe recognises that misses so many of them, each time others."""
    rights, begin = {}, 0
    for parts, count in counts.items():
        rights[parts] = ~np.isin(np.arange(100), (begin + np.arange(count)) % 100)
        begin += count
    return rights


TRUTH = np.repeat([0, 1], 50)


@pytest.mark.parametrize(
    ("of_mixup", "expected"), [(10, True), (29, True), (30, False), (31, False)]
)  # images missed with mixup, where 30 are missed without
def test_mixup_is_chosen_where_it_is_better(tmp_path: Path, of_mixup: int, expected: bool) -> None:
    record = chosen_of(tmp_path, missing({(False, False, 0.0): 30, (True, False, 0.0): of_mixup}), TRUTH)
    assert record.chosen.mixup == expected
    assert [one.recipe.mixup for one in record.tried] == [False, True, expected, expected]


@pytest.mark.parametrize(("of_half", "expected"), [(20, 0.25), (18, 0.25), (2, 0.5)])
def test_smallest_share_is_chosen_that_is_as_good_as_the_best_and_never_none(
    tmp_path: Path, of_half: int, expected: float
) -> None:
    rights = missing({(False, False, 0.0): 0, (False, False, 0.25): 20, (False, False, 0.5): of_half})
    record = chosen_of(tmp_path, rights, TRUTH)
    assert (record.chosen.mixup, record.chosen.synthetic) == (False, expected)
    scores = {parts_of(one.recipe): one.balanced_accuracy for one in record.tried}
    assert scores[False, False, 0.25] == 0.8 and len(scores) == 4
    assert min(one.behind for one in record.tried) == 0


@pytest.mark.parametrize(("of_guessed", "expected"), [(10, True), (28, False), (30, False), (40, False)])
def test_guessed_labels_must_be_better_by_more_than_a_standard_error(
    tmp_path: Path, of_guessed: int, expected: bool
) -> None:
    missed = {(False, False, 0.0): 30, (True, False, 0.0): 31, (False, True, 0.0): of_guessed}
    record = chosen_of(tmp_path, missing(missed), TRUTH, with_unlabelled=True)
    assert (record.chosen.guessed > 0) == expected
    assert [parts_of(one.recipe)[:2] for one in record.tried] == [
        (False, False), (True, False), (False, True), (False, expected), (False, expected)
    ]  # fmt: skip


def test_arms_differ_in_one_thing_each() -> None:
    gate = GateConfig()
    plain = recipes_of(gate, recipe_record(0.25))
    assert list(plain) == [CLASSICAL, WITH, FEWER] and plain[WITH].without_images == plain[CLASSICAL] == plain[FEWER]
    mixed = recipes_of(gate, recipe_record(chosen=recipe(0.25, mixup=True)))
    assert list(mixed) == [CLASSICAL, WITHOUT, WITH, FEWER]
    assert mixed[WITH].without_images == mixed[WITHOUT] != mixed[FEWER] == mixed[CLASSICAL]
    guessed = recipes_of(gate, recipe_record(chosen=recipe(0.25, guessed=0.5)))
    assert guessed[WITHOUT].guessed == guessed[WITH].guessed == 0.5 and not guessed[FEWER].guessed


def test_recipe_that_was_taken_over_stays(tmp_path: Path) -> None:
    run = Run(tmp_path)
    job = parse_job({"name": "j", "data": {"source": "x"}}, where="").resolve(Path())
    assert taken_over(run) is None
    records.write(run.recipe_record, recipe_record(run_id="20260101-000000"))
    assert choose(run, job) == taken_over(run) == recipe_record(run_id="20260101-000000")


@pytest.mark.parametrize(("num_real", "num_synthetic", "share"), [(20, 380, 0.475), (300, 100, 0.125), (20, 0, 0.0)])
def test_the_rarer_a_class_the_larger_the_synthetic_share(num_real: int, num_synthetic: int, share: float) -> None:
    assert share_of_draws(num_real, num_synthetic, 0.5) == pytest.approx(share)
