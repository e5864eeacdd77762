"""Measures are shown as they come, whatever is missing of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dcgan.report.sections.measures import measure_table
from dcgan.run.records import (
    FeatureSpaceRecord,
    Measure,
    MeasuresSummary,
    MetricBounds,
)
from tests.records import measure

UNKNOWN = MeasuresSummary()


def test_nothing_measured_is_no_table() -> None:
    assert measure_table({"a": {}, "b": {}}, UNKNOWN) is None


def test_known_measures_come_first_in_their_order() -> None:
    classes = {"a": {"zebra": measure(1), "coverage": measure(0.5)}, "b": {"kid": measure(0.1)}, "c": {}}
    table = measure_table(classes, UNKNOWN)
    assert table is not None
    assert [column.title for column in table.columns] == ["KID", "Coverage", "zebra"]
    assert [row.label for row in table.rows] == ["a", "b"]
    assert [cell and cell.value for cell in table.rows[0].cells] == [None, 0.5, 1.0]


def test_bar_of_a_share_goes_to_1_and_others_to_their_largest() -> None:
    one = {"coverage": measure(0.5, ceiling=0.9), "kid": measure(0.2, ceiling=0.01)}
    table = measure_table({"a": one, "b": {"kid": measure(0.4)}}, UNKNOWN)
    assert table is not None
    [[kid, coverage], [other, _]] = [row.cells for row in table.rows]
    assert kid and coverage and other
    assert (coverage.at, coverage.ceiling_at) == (0.5, 0.9)
    assert (kid.at, kid.ceiling_at, other.at) == pytest.approx((0.5, 0.025, 1.0))


def test_values_that_are_no_numbers_are_not_measured() -> None:
    with pytest.raises(ValidationError):
        measure("<b>")
    found = {"kid": measure(float("nan")), "coverage": measure(-3.0), "density": measure(None)}
    table = measure_table({"a": found}, UNKNOWN)
    assert table is not None
    cells = {column.title: cell for column, cell in zip(table.columns, table.rows[0].cells, strict=True)}
    kid, density, coverage = (cells[name] for name in ("KID", "Density", "Coverage"))
    assert kid and kid.value is None and density and density.value is None and coverage and coverage.at == 0.0


def test_same_note_is_told_once_with_its_classes() -> None:
    few = {"kid": measure(None, note="few")}
    table = measure_table({"a": few, "b": few, "c": {"kid": measure(1, note="odd")}}, UNKNOWN)
    assert table is not None
    assert [(note.note, note.labels) for note in table.notes] == [("few", ["a", "b"]), ("odd", ["c"])]


def test_all_classes_stand_first_and_a_class_of_that_name_is_another() -> None:
    features = FeatureSpaceRecord(name="f", dimensions=3)
    table = measure_table(
        {"All classes": {"kid": measure(0.25)}}, MeasuresSummary(overall={"kid": measure(0.5)}, features=features)
    )
    assert table is not None
    assert [(row.is_all, row.cells[0] and row.cells[0].at) for row in table.rows] == [(True, 1.0), (False, 0.5)]
    assert table.features == "f, 3 dimensions"


@pytest.mark.parametrize(("goal", "good"), [("minimize", "low"), ("maximize", "high"), (0.5, "near 0.5"), (None, "")])
def test_measure_that_is_not_known_says_what_it_declares(goal: Any, good: str) -> None:
    metrics = {"new": MetricBounds(goal=goal, low=None, high=None)} if goal else {}
    table = measure_table({"a": {"new": Measure(value=1)}}, MeasuresSummary(metrics=metrics))
    assert table is not None
    assert [column.good for column in table.columns] == [good]
