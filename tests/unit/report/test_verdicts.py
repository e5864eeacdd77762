"""The answer is the evidence's, and harm goes first."""

from __future__ import annotations

import itertools

import pytest

from dcgan.report.verdicts import arms, forest_limit, groups, headline, recipes
from dcgan.run.records import ArmScores, ClassOutcome, Effect, TriedRecipe, Verdict
from tests.records import class_outcome, comparison, overall_evidence, recipe, recipe_record


def classes(*effects: str) -> list[ClassOutcome]:
    """Shipped classes, and one that is withheld."""
    return [*(class_outcome("shipped", effect) for effect in effects), class_outcome("withheld", "harms")]


@pytest.mark.parametrize(
    ("effects", "told"),
    [
        ([], "Nothing to train on"),
        (["helps", "harms"], "Think twice: recall is shown to fall in 1 of 2 shipped classes"),
        (["helps", "no difference shown"], "Worth training on: recall is shown to rise in 1 of 2 shipped classes"),
        (["no difference shown"], "No gain shown: in 1 shipped class"),
        (["no verdict"], "Untested"),
        (["unfit", "harms", "helps"], "Think twice: the images are not fit to train on in 1 of 3 shipped classes."),
    ],
)
def test_headline_is_the_answer_and_harm_goes_first(effects: list[str], told: str) -> None:
    assert headline(classes(*effects), None).startswith(told)


@pytest.mark.parametrize(
    ("effects", "whole", "told"),
    [
        ([], "harms", "Nothing to train on: balanced accuracy is shown to fall, by 1.0 to 3.0 points."),
        ([], "helps", "Nothing to train on: no class ships."),
        (["helps"], "harms", "Think twice: balanced accuracy is shown to fall, by 1.0 to 3.0 points."),
        (["harms"], "helps", "Think twice: recall is shown to fall in 1 of 1 shipped class."),
        (["no difference shown"], "helps", "Worth training on: balanced accuracy is shown to rise, by 1.0 to 3.0"),
        (["helps"], "no difference shown", "No gain shown on the whole, although recall is shown to rise in 1 of 1"),
        (["helps"], "no verdict", "Worth training on: recall is shown to rise in 1 of 1 shipped class"),
        (["no difference shown"], "no difference shown", "No gain shown: in 1 shipped class"),
    ],
)
def test_verdict_on_the_whole_weighs_in(effects: list[str], whole: str, told: str) -> None:
    low, high = (-0.03, -0.01) if whole == "harms" else (0.01, 0.03)
    assert headline(classes(*effects), overall_evidence(whole, low, high)).startswith(told)


@pytest.mark.parametrize("whole", [None, Effect.HELPS, Effect.UNCLEAR, Effect.HARMS])
@pytest.mark.parametrize(("verdict", "effect"), list(itertools.product(Verdict, Effect)))
def test_headline_follows_from_verdict_and_effect_whatever_the_reasons_say(
    verdict: Verdict, effect: Effect, whole: Effect | None
) -> None:
    misleading = "helps: harms: no verdict: unfit"
    low, high = (-0.03, -0.01) if whole is Effect.HARMS else (0.01, 0.03)
    overall = overall_evidence(whole, low, high, reason=misleading) if whole else None
    told = headline([class_outcome(verdict, effect, reason=misleading)], overall)
    if verdict is not Verdict.SHIPPED:
        fall = "balanced accuracy is shown to fall, by 1.0 to 3.0 points"
        assert told == f"Nothing to train on: {fall if whole is Effect.HARMS else 'no class ships'}."
        return
    beginnings = {
        Effect.HELPS: "Worth training on: recall",
        Effect.UNCLEAR: "No gain shown: in",
        Effect.HARMS: "Think twice: recall",
        Effect.UNTESTED: "Untested",
        Effect.UNFIT: "Think twice: the images are not fit",
        Effect.NONE: "Untested",
    }
    if whole is Effect.HARMS:
        beginnings = dict.fromkeys(Effect, "Think twice: balanced accuracy is shown to fall, by 1.0 to 3.0 points.")
    elif whole is Effect.HELPS:
        rise = dict.fromkeys(Effect, "Worth training on: balanced accuracy is shown to rise, by 1.0 to 3.0 points.")
        beginnings = rise | {one: beginnings[one] for one in (Effect.UNFIT, Effect.HARMS)}
    elif whole is Effect.UNCLEAR:
        beginnings[Effect.HELPS] = "No gain shown on the whole, although recall is shown to rise"
    assert told.startswith(beginnings[effect])


def test_classes_stand_under_what_became_of_them() -> None:
    entries = [class_outcome("failed"), *classes("helps", "no verdict")]
    found = groups({str(number): entry for number, entry in enumerate(entries)})
    assert found == [("Shown to help", ["1"]), ("Untested", ["2"]), ("Withheld", ["3"]), ("Failed", ["0"])]


def test_scale_of_gains_holds_every_interval() -> None:
    assert forest_limit([]) == 1
    assert forest_limit([comparison(-0.031, 0.02)]) == 5
    assert forest_limit([comparison(0.0, 0.02), comparison(-2.0, 0.02)]) == 100


def test_dots_of_the_arms_stand_on_one_axis() -> None:
    mixed = ArmScores(balanced_accuracy=[0.54], recipe=recipe(0.25, mixup=True), gain=comparison(0.01, 0.03))
    view = arms({"classical": ArmScores(balanced_accuracy=[0.501, 0.52]), "with": mixed})
    assert view is not None
    assert [(axis.title, axis.low, axis.high) for axis in view.scores] == [("Balanced accuracy", 0.5, 0.54)]
    assert [row.title for row in view.rows] == [
        "Classical augmentation alone", "Mixup and up to 25% synthetic images"
    ]  # fmt: skip
    assert [row.gain for row in view.rows] == [None, mixed.gain]
    [[first], [second]] = [row.strips for row in view.rows]
    assert first and second
    assert first.dots == pytest.approx([0.025, 0.5]) and second.dots == pytest.approx([1.0])
    assert first.mean == pytest.approx(0.5105)


def test_score_that_one_arm_lacks_is_left_out_of_its_row() -> None:
    view = arms({"real": ArmScores(balanced_accuracy=[0.5], rare_recall=[0.1]), "b": ArmScores(rare_recall=[0.2])})
    assert view is not None
    assert [[strip is not None for strip in row.strips] for row in view.rows] == [[True, True], [False, True]]


@pytest.mark.parametrize("found", [{}, {"real": ArmScores()}])
def test_arms_without_a_score_are_not_shown(found: dict[str, ArmScores]) -> None:
    assert arms(found) is None


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_one_value_has_an_axis_too(share: float) -> None:
    view = arms({"real": ArmScores(balanced_accuracy=[share, share])})
    assert view is not None
    [strip] = view.rows[0].strips
    assert strip and all(0 <= place <= 1 for place in [*strip.dots, strip.at])


def test_recipes_are_in_their_order_and_one_is_chosen() -> None:
    tried = [
        TriedRecipe(recipe=recipe(share), balanced_accuracy=score, behind=0.95 - score, error=0.01)
        for share, score in ((0.0, 0.8), (0.25, 0.95), (0.5, 0.9))
    ]
    found = recipes(recipe_record(0.25, tried=tried))
    assert [(row.title, row.chosen) for row in found] == [
        ("Classical augmentation alone", False), ("Up to 25% synthetic images", True),
        ("Up to 50% synthetic images", False),
    ]  # fmt: skip
    assert recipes(None) == []
