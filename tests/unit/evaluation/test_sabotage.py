"""The gate against sabotage: sets that harm or are no new data are withheld with the right reason, a good one ships.

Real digits throughout. A perfect generator's images are played by real images that stand neither among the training
images nor among the held-out ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.jobs import put_generated
from dcgan.data import leakage
from dcgan.evaluation import arms, gate, measures, utility
from dcgan.evaluation.recipes import STRENGTHS, choose, trials
from dcgan.execution.progress import Progress
from dcgan.networks.classifier import train_judge
from dcgan.run.records import Check, ClassEvidence, Effect, Verdict
from tests.conftest import split_run

LABELS = ("0", "1", "2", "3", "4", "5")
NUM_TRAIN, NUM_HOLDOUT = 40, 60


def silent(_: Progress) -> None:
    """Progress that nobody reads."""


def digits(label: str) -> np.ndarray:
    """All digits of a class, uint8 (n, 8, 8, 1): the first train, the next are held out, the others play synthetic."""
    images, targets = load_digits(return_X_y=True)
    return (images.reshape(-1, 8, 8, 1) * 255 / 16).astype(np.uint8)[targets == int(label)]


def others(label: str) -> np.ndarray:
    return digits(label)[NUM_TRAIN + NUM_HOLDOUT :]


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (80, 8, 8, 1)).astype(np.uint8)


def wrong_labels() -> np.ndarray:
    return others("1")


def collapsed() -> np.ndarray:
    images = others("3").astype(int)
    usual = images[((images - images.mean(0)) ** 2).sum((1, 2, 3)).argmin()]
    return np.clip(usual + np.random.default_rng(0).integers(-1, 2, (80, 8, 8, 1)), 0, 255).astype(np.uint8)


def copies() -> np.ndarray:
    draws = np.random.default_rng(0)
    twice = np.tile(digits("5")[:NUM_TRAIN].astype(int), (2, 1, 1, 1))
    return np.clip(twice + draws.integers(-3, 4, twice.shape), 0, 255).astype(np.uint8)


SABOTAGE: dict[str, tuple[Callable[[], np.ndarray], Check]] = {
    "0": (noise, Check.OUTLYING),
    "2": (wrong_labels, Check.UNRECOGNISED),
    "3": (collapsed, Check.COLLAPSED),
    "5": (copies, Check.COPIED),
}
"""Of which class, what is made of it, and the check that notices."""


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClassEvidence]:
    """The gate's evidence when four classes are sabotaged, and the others have good images."""
    root = tmp_path_factory.mktemp("sabotage")
    arrays = {label: digits(label)[: NUM_TRAIN + NUM_HOLDOUT] for label in LABELS}
    np.savez(
        root / "data.npz",
        images=np.concatenate(list(arrays.values())),
        labels=np.repeat(LABELS, NUM_TRAIN + NUM_HOLDOUT),
        split=np.tile(np.repeat(["train", "test"], [NUM_TRAIN, NUM_HOLDOUT]), len(LABELS)),
    )
    gate_keys = {"classifier_steps": 200, "classifier_seeds": 2, "mixup": False}
    run, job = split_run(root, data={"source": str(root / "data.npz"), "holdout": "test"}, gate=gate_keys)
    leakage.audit(run)
    train_judge(run, job, silent)
    for label in LABELS:
        make, _ = SABOTAGE.get(label, (lambda label=label: others(label), None))
        put_generated(run, label, make())
    measures.measure(run, job, silent)
    best = arms.classical(job.gate)
    recipes = [best, *(best.model_copy(update={"synthetic": strength}) for strength in STRENGTHS)]
    values = [recipe.model_dump(mode="json") for recipe in recipes]
    utility.try_recipes(run, job, range(len(trials(recipes))), silent, values)
    trained = arms.recipes(job.gate, choose(run, job))
    utility.measure(run, job, arms.numbers(job.gate.classifier_seeds, trained.keys()), silent)
    return gate.judge(run, job).classes


@pytest.mark.parametrize("label", SABOTAGE)
def test_sabotage_is_withheld_with_the_right_reason(classes: dict[str, ClassEvidence], label: str) -> None:
    assert (classes[label].verdict, classes[label].effect) == (Verdict.WITHHELD, Effect.UNFIT)
    failed = classes[label].failed_check
    assert failed is not None and failed.check is SABOTAGE[label][1]


@pytest.mark.parametrize("label", sorted(set(LABELS) - set(SABOTAGE)))
def test_a_good_generator_ships_whatever_others_did(classes: dict[str, ClassEvidence], label: str) -> None:
    assert classes[label].verdict is Verdict.SHIPPED, classes[label]
    assert classes[label].synthetic_share > 0 and not any(classes[other].synthetic_share for other in SABOTAGE)
