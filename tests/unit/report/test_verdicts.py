"""The answer is the evidence's, and harm goes first."""

from __future__ import annotations

from typing import Any

import pytest

from dcgan.report.text import count, figure, moment, percent, points
from dcgan.report.verdicts import arms, effect, forest_limit, groups, headline, overall, shares


def classes(*effects: str) -> list[dict[str, Any]]:
    return [
        *({"verdict": "shipped", "effect": told} for told in effects),
        {"verdict": "withheld", "effect": "harms"},
    ]


def gain(low: float, high: float) -> dict[str, float]:
    return {"gain": (low + high) / 2, "gain_low": low, "gain_high": high}


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
    record = {"verdict": "shipped", "reason": f"{whole}: accuracy", **gain(low, high)}
    assert headline(classes(*effects), overall(record)).startswith(told)


def test_whole_without_a_verdict_is_none() -> None:
    assert overall(None) is None


def test_classes_stand_under_what_became_of_them() -> None:
    entries = [{"verdict": "failed", "effect": "no verdict"}, *classes("helps", "no verdict")]
    assert [(title, len(of)) for title, of in groups(entries)] == [
        ("Shown to help", 1), ("Untested", 1), ("Withheld", 1), ("Failed", 1),
    ]  # fmt: skip


def test_effect_is_read_from_the_reason() -> None:
    assert effect("helps: recall +1.0 points") == "helps"
    assert effect("<b>: what") == effect("copies: 90% are nearer") == "unfit"


def test_scale_of_gains_holds_every_interval() -> None:
    assert forest_limit([]) == 1
    assert forest_limit([gain(-0.031, 0.02)]) == 5
    assert forest_limit([gain(0.0, 0.02), gain(-2.0, 0.02)]) == 100


def test_dots_of_the_arms_stand_on_one_axis() -> None:
    view = arms(
        {"real": {"balanced_accuracy": [0.501, 0.52]}, "novel": {"balanced_accuracy": [0.54], "rare_recall": []}}
    )
    assert view is not None
    assert view["scores"] == [{"title": "Balanced accuracy", "low": 0.5, "high": 0.54}]
    assert [row["title"] for row in view["rows"]] == ["Real images only", "novel"]
    [[first], [second]] = [row["strips"] for row in view["rows"]]
    assert first["dots"] == pytest.approx([0.025, 0.5]) and second["dots"] == pytest.approx([1.0])
    assert first["mean"] == pytest.approx(0.5105)


@pytest.mark.parametrize("record", [None, {}, {"real": {}}, {"real": {"balanced_accuracy": []}}])
def test_arms_without_a_score_are_not_shown(record: Any) -> None:
    assert arms(record) is None


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_one_value_has_an_axis_too(share: float) -> None:
    view = arms({"real": {"balanced_accuracy": [share, share]}})
    assert view is not None
    [strip] = view["rows"][0]["strips"]
    assert all(0 <= place <= 1 for place in [*strip["dots"], strip["at"]])


def test_shares_are_in_their_order_and_one_is_chosen() -> None:
    record = {"chosen": 0.25, "tried": {"0.5": 0.9, "0": 0.8, "0.25": 0.95}}
    assert [(row["share"], row["chosen"]) for row in shares(record)] == [(0.0, False), (0.25, True), (0.5, False)]
    assert shares(None) == []


def test_figures_are_for_people() -> None:
    minus = "\N{MINUS SIGN}"
    assert (points(0.03), points(-0.125), points(0)) == ("+3.0", f"{minus}12.5", "+0.0")
    assert (percent(0.9612), count(2637)) == ("96.1 %", "2,637")
    assert (figure(0.01234), figure(-4.5), figure(12)) == ("0.0123", f"{minus}4.5", "12")
    assert moment("2024-05-01T02:00:00+00:00") == "01 May 2024, 02:00 UTC"
    assert (moment("soon"), moment(None)) == ("soon", "unknown")
