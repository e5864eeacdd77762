"""Checks of a class's images: each has its reason, and none is failed for what could not be measured."""

from __future__ import annotations

import pytest

from dcgan.evaluation.checks import failed
from dcgan.run import sentences
from dcgan.run.records import Check, Measure
from tests.records import measure

GOOD = {
    "outlying": (0.02, 0.01), "gan_test": (0.9, 0.95), "authenticity": (0.7, 0.8), "distance_ratio": (0.95, 1.0),
    "coverage": (0.6, 0.9), "manifold_recall": (0.5, 0.9),
}  # fmt: skip


def measures(**changes: tuple[float | None, float | None]) -> dict[str, Measure]:
    return {name: measure(value, ceiling=ceiling) for name, (value, ceiling) in (GOOD | changes).items()}


def test_good_images_pass() -> None:
    assert failed(measures()) is None


@pytest.mark.parametrize(
    ("changes", "check", "measure", "reason"),
    [
        ({"outlying": (0.6, 0.01)}, Check.OUTLYING, "outlying", "unlike real images: 60%"),
        (
            {"gan_test": (0.4, 0.9)}, Check.UNRECOGNISED, "gan_test",
            "taken for another class: a classifier of real images recognises 40%",
        ),
        ({"authenticity": (0.1, 0.8), "distance_ratio": (0.3, 1.0)}, Check.COPIED, "authenticity", "copies: 90%"),
        ({"coverage": (0.2, 0.9), "manifold_recall": (0.01, 0.9)}, Check.COLLAPSED, "manifold_recall", "collapsed: 1%"),
    ],
)  # fmt: skip
def test_each_fault_is_told(changes: dict[str, tuple[float, float]], check: Check, measure: str, reason: str) -> None:
    found = failed(measures(**changes))
    assert found is not None and (found.check, found.measure) == (check, measure)
    assert (found.value, found.ceiling) == changes[measure]
    assert sentences.failed_check(found).startswith(reason)


def test_what_real_images_fail_too_is_no_fault() -> None:
    assert failed(measures(gan_test=(0.4, 0.5), coverage=(0.1, 0.15), manifold_recall=(0.0, 0.0))) is None


def test_nearness_alone_is_no_copy() -> None:
    assert failed(measures(authenticity=(0.1, 0.8))) is None
    assert failed(measures(distance_ratio=(0.3, 1.0))) is None


def test_little_variety_alone_is_no_collapse() -> None:
    assert failed(measures(manifold_recall=(0.01, 0.9))) is None
    assert failed(measures(coverage=(0.2, 0.9))) is None


@pytest.mark.parametrize("name", GOOD)
def test_what_could_not_be_measured_is_no_fault(name: str) -> None:
    assert failed(measures(**{name: (None, None)})) is failed(measures(**{name: (0.0, None)})) is None
    assert failed({}) is None
