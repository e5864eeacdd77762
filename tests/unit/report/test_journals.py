"""A training is shown along the way that led to its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dcgan.report.figures import training_curves, trend
from dcgan.report.journals import Journal, read_journal
from dcgan.run import records
from dcgan.run.history import Night
from tests.records import training_record
from tests.reports import past_night


def write(folder: Path, steps: list[int]) -> None:
    rows = [json.dumps({"step": step, "d_loss": number, "g_loss": 1.0}) for number, step in enumerate(steps)]
    (folder / "training.jsonl").write_text("\n".join(rows))
    scores = [
        {"step": step, "work": step, "score": number, "kid": 0.1, "coverage": 0.5, "diversity": 1.0}
        for number, step in enumerate(steps)
    ]
    records.write(folder / "record.json", training_record(scores=scores, shipped_step=20))


def test_steps_that_were_taken_back_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, [10, 20, 30, 20, 30, 40])
    journal = read_journal(tmp_path)
    assert [(row["step"], row["d_loss"]) for row in journal.losses] == [(10, 0), (20, 3), (30, 4), (40, 5)]
    assert [row["score"] for row in journal.scores] == [0, 3, 4, 5]
    assert journal.shipped_step == 20


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"{", b'{"scores": 3}', b'{"scores": [{"step": "x"}]}'])
def test_damaged_record_has_no_scores(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, [10, 20])
    (tmp_path / "record.json").write_bytes(content)
    journal = read_journal(tmp_path)
    assert len(journal.losses) == 2 and journal.scores == [] and journal.shipped_step is None


def test_journal_is_read_up_to_where_it_is_damaged(tmp_path: Path) -> None:
    rows = [
        json.dumps({"step": step, "d_loss": loss, "g_loss": 1.0})
        for step, loss in ((1, 1.0), (2, float("nan")), (3, 3.0))
    ]
    (tmp_path / "training.jsonl").write_text("\n".join([*rows, '{"step": 4, "d_l', rows[0]]))
    assert [row["step"] for row in read_journal(tmp_path).losses] == [1, 3]  # losses that are no numbers are not drawn
    assert read_journal(tmp_path / "nowhere") == Journal([], [], None)


def test_base_without_scores_and_class_with_them_have_figures(tmp_path: Path) -> None:
    write(tmp_path, [10, 20])
    journal = read_journal(tmp_path)
    uris = training_curves({"": Journal(journal.losses, [], None), "a": journal, "none": Journal([], [], None)})
    assert list(uris) == ["", "a"]
    assert len(uris["a"]) > len(uris[""])
    assert training_curves({"none": Journal([], [], None)}) == {}


def test_trend_needs_two_nights() -> None:
    nights: list[Night] = [past_night(number) for number in (1, 2, 3)]
    assert trend(nights[:1]) is None and trend([]) is None
    assert trend(nights) == trend(nights) != trend(nights[:2])
    unmeasured = [night.model_copy(update={"accuracy_without": None, "accuracy_with": None}) for night in nights]
    assert trend(unmeasured)
