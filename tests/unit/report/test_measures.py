"""Measures and leakage are shown as they come, whatever is missing of them."""

from __future__ import annotations

from typing import Any

import pytest

from dcgan.report.measures import MAX_LISTED, leakage_view, measure_table


def of(label: str, **measures: Any) -> dict[str, Any]:
    return {"label": label, "measures": measures}


def value(number: Any, **more: Any) -> dict[str, Any]:
    return {"value": number, "error": None, "ceiling": None, "note": ""} | more


def test_nothing_measured_is_no_table() -> None:
    assert measure_table([of("a", gain=0.1, holdout=3), of("b")], None) is None


def test_known_measures_come_first_in_their_order() -> None:
    table = measure_table(
        [of("a", zebra=value(1), coverage=value(0.5)), of("b", kid=value(0.1)), of("c", gain=0.1)],
        None,
    )
    assert table is not None
    assert [column.title for column in table["columns"]] == ["KID", "Coverage", "zebra"]
    assert [row["label"] for row in table["rows"]] == ["a", "b"]
    assert [cell and cell["value"] for cell in table["rows"][0]["cells"]] == [None, 0.5, 1.0]


def test_bar_of_a_share_goes_to_1_and_others_to_their_largest() -> None:
    table = measure_table(
        [of("a", coverage=value(0.5, ceiling=0.9), kid=value(0.2, ceiling=0.01)), of("b", kid=value(0.4))],
        None,
    )
    assert table is not None
    [[kid, coverage], [other, _]] = [row["cells"] for row in table["rows"]]
    assert (coverage["at"], coverage["ceiling_at"]) == (0.5, 0.9)
    assert (kid["at"], kid["ceiling_at"], other["at"]) == pytest.approx((0.5, 0.025, 1.0))


def test_values_that_are_no_numbers_are_not_measured() -> None:
    table = measure_table(
        [of("a", kid=value(float("nan")), ct=value("<b>"), coverage=value(-3.0), density=value(None))],
        None,
    )
    assert table is not None
    cells = {column.title: cell for column, cell in zip(table["columns"], table["rows"][0]["cells"], strict=True)}
    assert [cells[name]["value"] for name in ("KID", "ct", "Density")] == [None] * 3
    assert cells["Coverage"]["at"] == 0.0


def test_same_note_is_told_once_with_its_classes() -> None:
    table = measure_table(
        [of(label, kid=value(None, note="few")) for label in "ab"] + [of("c", kid=value(1, note="odd"))],
        None,
    )
    assert table is not None
    assert [(note["note"], note["labels"]) for note in table["notes"]] == [("few", ["a", "b"]), ("odd", ["c"])]


def test_all_classes_stand_first_and_a_class_of_that_name_is_another() -> None:
    record = {"overall": {"kid": value(0.5)}, "features": {"name": "f", "dimensions": 3}, "metrics": {}}
    table = measure_table([of("All classes", kid=value(0.25))], record)
    assert table is not None
    assert [(row["is_all"], row["cells"][0]["at"]) for row in table["rows"]] == [(True, 1.0), (False, 0.5)]
    assert table["features"] == "f, 3 dimensions"


@pytest.mark.parametrize(("goal", "good"), [("minimize", "low"), ("maximize", "high"), (0.5, "near 0.5"), (None, "")])
def test_measure_that_is_not_known_says_what_it_declares(goal: Any, good: str) -> None:
    table = measure_table([of("a", new=value(1))], {"metrics": {"new": {"goal": goal}} if goal else {}})
    assert table is not None
    assert [column.good for column in table["columns"]] == [good]


def test_leakage_that_nobody_looked_for_is_not_shown() -> None:
    for record in (None, {}, {"pairs": None, "examples": None}):
        assert leakage_view(record, []) is None


def test_long_list_of_pairs_is_cut_and_counted() -> None:
    record = {"pairs": {"across classes": 9}, "examples": [{"distance": number} for number in range(MAX_LISTED + 5)]}
    view = leakage_view(record, [{"label": "a", "leaked": 0}, {"label": "b", "leaked": 2}])
    assert view is not None
    assert len(view["examples"]) == MAX_LISTED and view["count"] == MAX_LISTED + 5
    assert [entry["label"] for entry in view["classes"]] == ["b"]
