"""The arms that the proof compares: what its classifiers are trained on, seed by seed."""

from __future__ import annotations

import itertools
from collections.abc import Collection

from dcgan.config.gate import GateConfig
from dcgan.run.records import Recipe, RecipeRecord

CLASSICAL, WITHOUT, WITH, FEWER = "classical", "without", "with", "fewer real"
ARMS = (CLASSICAL, WITHOUT, WITH, FEWER)
"""Classical augmentation alone; the recipe without the synthetic images, and with them; and classical augmentation on
half of the scarce classes' real images (`sets.scarce`), which shows what real images are worth."""
BEFORE = (CLASSICAL, FEWER)
"""Those that can be trained before there is a recipe."""
GUESSING = "guessing"
"""Not compared: the recipe without the synthetic images, and with the labels that those of `CLASSICAL` guess. These
classifiers guess the labels anew, for the arms whose recipe has guessed labels."""


def classical(gate: GateConfig) -> Recipe:
    """What the arms of `BEFORE` are trained with."""
    return Recipe(augmentation=tuple(gate.augmentation))


def recipes(gate: GateConfig, record: RecipeRecord) -> dict[str, Recipe]:
    """What each arm is trained with. `WITHOUT` is left out if it would be the same as `CLASSICAL`."""
    plain, without = classical(gate), record.chosen.without_images
    found = {CLASSICAL: plain, WITHOUT: without, WITH: record.chosen, FEWER: plain}
    return {arm: recipe for arm, recipe in found.items() if arm != WITHOUT or without != plain}


def compared(num_seeds: int) -> list[tuple[int, str]]:
    """The classifiers of all arms, by number: seed, and arm. Those of `GUESSING` are the last ones."""
    return [*itertools.product(range(num_seeds), ARMS), *((seed, GUESSING) for seed in range(num_seeds))]


def numbers(num_seeds: int, arms: Collection[str]) -> list[int]:
    """The numbers of the classifiers of some arms."""
    return [number for number, (_, arm) in enumerate(compared(num_seeds)) if arm in arms]
