"""Leakage is shown if anybody looked for it, and long lists are cut."""

from __future__ import annotations

from dcgan.report.sections.leakage import MAX_LISTED, leakage_view
from dcgan.run.records import LeakageSummary, LeakedImage, LeakedPair, Verdict
from tests.records import class_outcome


def test_leakage_that_nobody_looked_for_is_not_shown() -> None:
    assert leakage_view(LeakageSummary(), {}) is None


def test_long_list_of_pairs_is_cut_and_counted() -> None:
    image = LeakedImage(path="a.png", label="a", split="train")
    examples = [LeakedPair(images=(image, image), distance=number) for number in range(MAX_LISTED + 5)]
    found = LeakageSummary(pairs={"across classes": 9}, examples=examples)
    none, two = (class_outcome(Verdict.SHIPPED, leaked=count) for count in (0, 2))
    view = leakage_view(found, {"a": none, "b": two})
    assert view is not None
    assert len(view.examples) == MAX_LISTED and view.count == MAX_LISTED + 5
    assert list(view.classes) == ["b"]
