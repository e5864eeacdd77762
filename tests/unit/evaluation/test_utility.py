"""Classifiers on real digits: measured once, and anew when there are other synthetic images or another recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from benchmarks.jobs import put_generated
from dcgan.config import ResolvedJob
from dcgan.data.split import FOLDS
from dcgan.errors import ConfigError
from dcgan.evaluation.arms import ARMS, BEFORE, CLASSICAL, FEWER, WITH, WITHOUT, compared, numbers
from dcgan.evaluation.recipes import STRENGTHS, plain, trials
from dcgan.evaluation.sets import load_sets, num_synthetic
from dcgan.evaluation.utility import Classifiers, halved, measure, try_recipes
from dcgan.execution.progress import Progress
from dcgan.files import storage
from dcgan.networks.batches import Batches, Pools
from dcgan.networks.classifier import trainer
from dcgan.networks.pace import PROOF
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import Recipe
from tests.conftest import split_run, write_digits
from tests.records import generation_record, recipe, recipe_record

NUM_CLASSES = 2
MIXUP = recipe(0.0, mixup=True)


def recipes_to_try(job: ResolvedJob) -> list[Recipe]:
    """All of them, where mixup is the best without images."""
    return [*plain(job.gate), *(MIXUP.model_copy(update={"synthetic": strength}) for strength in STRENGTHS)]


def as_json(recipes: Sequence[Recipe]) -> list[dict[str, Any]]:
    return [one.model_dump(mode="json") for one in recipes]


def ignore(_: Progress) -> None:
    """Nobody watches."""


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Run, ResolvedJob]:
    write_digits(tmp_path / "images", {0: 30, 1: 25})
    run, job = split_run(tmp_path, gate={"classifier_steps": 20, "augmentation": ["translation"]})
    records.write(run.recipe_record, recipe_record(chosen=recipe(mixup=True)))
    return run, job


def generate(run: Run, label: str, count: int) -> None:
    """Real images of the class, in place of synthetic ones, each the nearest to itself."""
    put_generated(run, label, np.load(run.train_images(label))[:count])


def test_a_classifier_is_measured_once(prepared: tuple[Run, ResolvedJob]) -> None:
    run, job = prepared
    generate(run, "0", 4)
    told = measure(run, job, range(4), ignore)
    assert list(told) == [0, 1, 2, 3] and all(0 <= share <= 1 for share in told.values())
    before = [run.compared(number).stat().st_mtime_ns for number in range(4)]
    assert measure(run, job, range(4), ignore) == told
    assert [run.compared(number).stat().st_mtime_ns for number in range(4)] == before


def number_of(arm: str, seed: int = 0) -> int:
    return compared(2).index((seed, arm))


def test_what_learns_of_synthetic_images_is_measured_anew_when_they_or_the_recipe_change(
    prepared: tuple[Run, ResolvedJob],
) -> None:
    run, job = prepared
    generate(run, "0", 4)
    some = [number_of(arm) for arm in (CLASSICAL, WITHOUT, WITH)]

    def measured() -> list[int]:
        measure(run, job, some, ignore)
        return [run.compared(number).stat().st_mtime_ns for number in some]

    first = measured()
    assert measured() == first
    generate(run, "1", 7)
    second = measured()
    assert [one == other for one, other in zip(first, second, strict=True)] == [True, True, False]
    assert storage.unpack_arrays(run.compared(number_of(WITH)).read_bytes())["synthetic"].tolist() == [4, 7]
    records.write(run.recipe_record, recipe_record(chosen=recipe(0.25, mixup=True)))
    third = measured()
    assert [one == other for one, other in zip(second, third, strict=True)] == [True, True, False]
    records.write(run.recipe_record, recipe_record(chosen=recipe(0.25)))
    measure(run, job, [number_of(FEWER), number_of(WITH)], ignore)
    assert run.compared(number_of(WITH)).stat().st_mtime_ns != third[-1]


def test_classical_augmentation_needs_no_recipe(prepared: tuple[Run, ResolvedJob]) -> None:
    run, job = prepared
    run.recipe_record.unlink()
    assert {compared(3)[number] for number in numbers(3, [CLASSICAL])} == {(seed, CLASSICAL) for seed in range(3)}
    measure(run, job, numbers(1, BEFORE), ignore)
    assert numbers(3, ARMS) == list(range(12))


def test_half_of_the_rare_classes_images_are_others_for_each_seed(tmp_path: Path) -> None:
    write_digits(tmp_path / "images", {0: 100, 1: 18})
    run, _ = split_run(tmp_path)
    sets = load_sets(run)
    assert sets.scarce == [1]
    halves = [halved(sets, seed).real for seed in range(2)]
    for real in halves:
        assert real[0] is sets.real[0] and len(real[1]) == -(-len(sets.real[1]) // 2)
        assert {image.tobytes() for image in real[1]} < {image.tobytes() for image in sets.real[1]}
    assert halves[0][1].tobytes() != halves[1][1].tobytes()
    assert halved(sets, 0).real[1].tobytes() == halves[0][1].tobytes()


def test_bytes_are_the_same_whichever_classifiers_a_process_trained_before(tmp_path: Path) -> None:
    """So that runs of other numbers of processes agree, and a run that goes on with the classifiers that are left."""
    write_digits(tmp_path / "images", {3: 40, 5: 40, 8: 40, 9: 40})
    run, job = split_run(tmp_path, gate={"classifier_steps": 3})  # classifiers that still make errors
    records.write(run.recipe_record, recipe_record(chosen=recipe(mixup=True)))
    generate(run, "3", 6)
    told: list[Progress] = []
    num_compared, recipes = len(numbers(3, ARMS)), recipes_to_try(job)
    tried, values = trials(recipes), as_json(recipes)
    measure(run, job, range(num_compared), told.append)
    try_recipes(run, job, range(len(tried)), ignore, values)
    files = [*map(run.compared, range(num_compared)), *map(run.tried, range(len(tried)))]
    together = [file.read_bytes() for file in files]
    assert len(set(together)) == len(files)
    assert [report["done"] for report in told] == [3 * number for number in range(1, num_compared + 1)]
    assert {report["total"] for report in told} == {3 * num_compared}
    told.clear()
    run.tried(0).unlink()
    try_recipes(run, job, [0], told.append, values)
    assert [report["done"] for report in told] == [2], "two thirds of the images, two thirds of the steps"
    files[1].unlink()
    files[12].unlink()
    measure(run, job, [0, 1], ignore)
    try_recipes(run, job, [2, 0], ignore, values)
    for file in files[:3]:
        file.unlink()
    for number in (2, 0, 1):
        measure(run, job, [number], ignore)
    assert [file.read_bytes() for file in files] == together


def test_each_part_of_a_recipe_changes_what_is_learnt(prepared: tuple[Run, ResolvedJob]) -> None:
    run, job = prepared
    generate(run, "0", 6)
    sets = load_sets(run)
    classifiers = Classifiers(job, sets)

    def learnt(some: Recipe) -> bytes:
        classifiers.trained("test", sets, some, 20, ignore)
        model = trainer(sets.real[0].shape[1:], NUM_CLASSES, some.augmentation, PROOF, path=None).model
        return b"".join(array.tobytes() for array in model.get_weights())

    base = recipe(0.0)
    others = [recipe(0.0, mixup=True), recipe(0.5), recipe(0.25), recipe(0.0, augmentation=("brightness",))]
    found = [learnt(some) for some in (base, *others)]
    assert len(set(found)) == len(found) and learnt(base) == found[0]


def test_class_that_is_short_takes_no_part(prepared: tuple[Run, ResolvedJob]) -> None:
    run, _ = prepared
    generate(run, "0", 6)
    records.write(run.generation("1") / "record.json", generation_record(3, short=True))
    assert num_synthetic(run) == {"0": 6}
    assert load_sets(run).counts.tolist() == [6, 0]


def test_folds_try_every_training_image_once(prepared: tuple[Run, ResolvedJob]) -> None:
    run, job = prepared
    generate(run, "0", 6)
    recipes = recipes_to_try(job)
    tried, values = trials(recipes), as_json(recipes)
    assert list(try_recipes(run, job, range(len(tried)), ignore, values)) == list(range(len(tried)))
    for some in {one for one, _ in tried}:
        files = [run.tried(number) for number, (of_number, _) in enumerate(tried) if of_number == some]
        truth = np.concatenate([storage.unpack_arrays(file.read_bytes())["truth"] for file in files])
        assert np.bincount(truth).tolist() == [len(images) for images in load_sets(run).real]
    before = run.tried(0).stat().st_mtime_ns
    try_recipes(run, job, [0], ignore, values)
    assert run.tried(0).stat().st_mtime_ns == before


def test_trial_without_images_stands_whatever_becomes_of_them(prepared: tuple[Run, ResolvedJob]) -> None:
    """Their measures are taken at the same time, and may leave some of them out."""
    run, job = prepared
    generate(run, "0", 6)
    recipes = recipes_to_try(job)
    first, last = 0, len(trials(recipes)) - 1

    def tried() -> list[int]:
        for number in (first, last):
            try_recipes(run, job, [number], ignore, as_json(recipes))
        return [run.tried(number).stat().st_mtime_ns for number in (first, last)]

    before = tried()
    assert tried() == before
    generate(run, "1", 7)
    assert [one == other for one, other in zip(before, tried(), strict=True)] == [True, False]


def test_copies_of_an_image_do_not_speak_for_it(
    prepared: tuple[Run, ResolvedJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, job = prepared
    generate(run, "0", 9)
    from dcgan.evaluation import utility  # noqa: PLC0415

    pools: list[tuple[list[np.ndarray], Any]] = []

    def watched(real: list[np.ndarray], synthetic: Pools, guessed: Pools, *, stream: int) -> object:
        pools.append((real, synthetic.images))
        return Batches(real, synthetic, guessed, stream=stream)

    monkeypatch.setattr(utility, "Batches", watched)
    recipes = recipes_to_try(job)
    number = trials(recipes).index((MIXUP.model_copy(update={"synthetic": 0.5}), 1))
    try_recipes(run, job, [number], ignore, as_json(recipes))
    whole = load_sets(run).real[0]
    left_out = {image.tobytes() for image in whole[1::FOLDS]}
    real, synthetic = pools[-1]
    assert len(real[0]) == len(whole) - len(left_out)
    assert len(synthetic[0]) == 6, "a third of the nine copies is of images that are tried"
    assert not left_out & {image.tobytes() for image in (*real[0], *synthetic[0])}


def users_model() -> keras.Model:
    """A user's classifier: values from 0 to 255 in, softmax out."""
    image = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    return keras.Model(image, keras.layers.Dense(NUM_CLASSES, activation="softmax")(x))


def test_the_users_own_classifier_is_what_is_trained(prepared: tuple[Run, ResolvedJob]) -> None:
    run, job = prepared
    generate(run, "0", 4)

    def with_classifier(path: str) -> ResolvedJob:
        gate = job.gate.model_copy(update={"classifier": path, "classifier_steps": 300})
        return job.model_copy(update={"gate": gate})

    number, other = number_of(CLASSICAL), number_of(CLASSICAL, 1)
    told = measure(run, with_classifier(f"{__name__}:users_model"), [number], ignore)
    assert told[number] > 0.8
    with pytest.raises(ConfigError, match=r"no_such.*module:function"):
        measure(run, with_classifier(f"{__name__}:no_such"), [other], ignore)
    with pytest.raises(ConfigError, match=r"expected a keras.Model of input and output"):
        measure(run, with_classifier("keras:Sequential"), [other], ignore)
