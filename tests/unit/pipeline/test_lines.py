"""What the log says once a stage is done."""

from pathlib import Path

from dcgan.pipeline import lines
from dcgan.pipeline.stages import Portion
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import TriedRecipe
from tests.records import recipe, recipe_record


def test_a_recipe_is_told_with_what_it_was_chosen_by(tmp_path: Path) -> None:
    """Not with balanced accuracy, by which a recipe that was not chosen may seem the better one."""
    run = Run(tmp_path)
    tried = [
        TriedRecipe(recipe=recipe(0.25), balanced_accuracy=0.968, behind=0.0104, error=0.004),
        TriedRecipe(recipe=recipe(0.5), balanced_accuracy=0.966, behind=0.0, error=0.0),
    ]
    records.write(run.recipe_record, recipe_record(0.5, tried=tried))
    [line] = lines.of_recipe(run, Portion())
    assert "up to 25% synthetic images 1.0, up to 50% synthetic images 0.0" in line and "96.8" not in line


def test_a_recipe_that_was_taken_over_is_told_with_its_run(tmp_path: Path) -> None:
    run = Run(tmp_path)
    records.write(run.recipe_record, recipe_record(0.5, run_id="20261101-010000"))
    assert "as in run 20261101-010000" in next(lines.of_recipe(run, Portion()))
