"""What people are told."""

from __future__ import annotations

from typing import Any

import pytest

from dcgan.config.base import USUAL_AUGMENTATION
from dcgan.run import sentences
from dcgan.run.records import Recipe
from tests.records import advice, changed

BENT = (*USUAL_AUGMENTATION, "rotation", "elastic")


@pytest.mark.parametrize(
    ("parts", "title"),
    [
        ({}, "classical augmentation alone"),
        ({"augmentation": USUAL_AUGMENTATION}, "classical augmentation alone"),
        ({"augmentation": USUAL_AUGMENTATION, "mixup": True}, "mixup"),
        ({"augmentation": BENT}, "rotation and elastic distortion"),
        ({"augmentation": BENT, "mixup": True, "synthetic": 0.5},
         "rotation, elastic distortion, mixup and up to 50% synthetic images"),
        ({"augmentation": ("flip",)}, "only flip"),
        ({"augmentation": ("flip", "cutout"), "guessed": 0.5}, "only flip, cutout and guessed labels"),
    ],
)  # fmt: skip
def test_recipes_of_a_job_have_names_of_their_own(parts: dict[str, Any], title: str) -> None:
    assert sentences.recipe(Recipe.model_validate(parts)) == title


def test_advice_names_the_augmentation_that_it_takes() -> None:
    told = sentences.advice(changed(advice(), recipe=Recipe(augmentation=BENT).model_dump()))
    assert told.startswith(
        "Train with rotation and elastic distortion, and without these images: recall of rare classes "
    )
