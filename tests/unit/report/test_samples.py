"""The sample grid shows every class that has images, whatever it is called."""

from __future__ import annotations

from dcgan.report.samples import class_grid
from tests.unit.conftest import CAT, SCRIPT, Made


def test_grid_of_classes_shows_those_with_images_under_any_name(made: Made) -> None:
    both = class_grid(made.run, made.outcome.classes)
    one = class_grid(made.run, {CAT: made.outcome.classes[CAT], "three": made.outcome.classes["three"]})
    assert both.width == one.width and both.height == 3 * one.height
    assert class_grid(made.run, {}).size == (1, 1)
    assert one != class_grid(made.run, {SCRIPT: made.outcome.classes[SCRIPT]})
