"""The plan: amounts of what can be trained, and the reason of what cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcgan.config import ResolvedJob, parse_job
from dcgan.errors import ConfigError
from dcgan.run.plan import estimate_bytes, make_plan
from dcgan.run.records import ClassPlan, ClassSplit, ClassState, SplitRecord

SPLIT = SplitRecord(
    image_size=(8, 8),
    channels=1,
    classes={
        "cat": ClassSplit(train=100, holdout=20, state=ClassState.OK),
        "dog": ClassSplit(train=40, holdout=10, state=ClassState.OK),
        "rare": ClassSplit(train=3, holdout=1, state=ClassState.REFUSED, reason="3 training images"),
    },
)


def job(**generation: Any) -> ResolvedJob:
    return parse_job({"name": "j", "data": {"source": "x"}, "generation": generation}, where="").resolve(Path())


def requested(**generation: Any) -> dict[str, int]:
    return {label: entry.requested for label, entry in make_plan(job(**generation), SPLIT).items()}


@pytest.mark.parametrize(
    ("generation", "amounts"),
    [
        ({}, [0, 60, 0]),
        ({"balance": 150}, [50, 110, 0]),
        ({"per_class": 7}, [7, 7, 0]),
        ({"per_class": {"dog": 9}}, [0, 9, 0]),
        ({"ratio": 0.5}, [50, 20, 0]),
        ({"balance": "max", "per_class": {"cat": 5}}, [5, 60, 0]),
    ],
)
def test_amounts_are_of_classes_that_can_be_trained(generation: dict[str, Any], amounts: list[int]) -> None:
    assert list(requested(**generation).values()) == amounts


def test_counts_state_and_reason_are_those_of_the_split() -> None:
    rare = make_plan(job(per_class=7), SPLIT)["rare"]
    assert rare == ClassPlan(train=3, holdout=1, requested=0, state=ClassState.REFUSED, reason="3 training images")


def test_class_that_is_not_in_the_data_is_told_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="names 'cow', 'pig', but the data has the classes 'cat', 'dog', 'rare'"):
        make_plan(job(per_class={"pig": 3, "cow": 1, "cat": 2}), SPLIT)


def test_only_refused_classes_asked_for_is_told_with_their_reason() -> None:
    with pytest.raises(ConfigError, match="rare: 3 training images"):
        make_plan(job(per_class={"rare": 50}), SPLIT)


def test_room_grows_with_images_sizes_and_classes() -> None:
    few, many, all_classes = (make_plan(job(per_class=amounts), SPLIT) for amounts in ({"cat": 5}, {"cat": 5000}, 5))
    assert estimate_bytes(few, (8, 8, 1), 32) < estimate_bytes(many, (8, 8, 1), 32)
    assert estimate_bytes(few, (8, 8, 1), 32) < estimate_bytes(few, (64, 64, 3), 32)
    assert estimate_bytes(few, (8, 8, 1), 32) < estimate_bytes(all_classes, (8, 8, 1), 32)
    assert estimate_bytes(many, (64, 64, 3), 32) > 5000 * 64 * 64 * 3
