"""A journal continues where the last snapshot stands, whatever a killed process wrote after it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from dcgan.training.journal import Journal


def test_rows_after_the_snapshot_and_half_a_line_are_dropped(tmp_path: Path) -> None:
    first = Journal(tmp_path, 0)
    for work in (5, 10, 15):
        first.log(work, {"work": work, "d_loss": 1.0})
    first.close()
    file = tmp_path / "training.jsonl"
    file.write_text(file.read_text() + '{"work": 20, "d_lo')
    again = Journal(tmp_path, 10)
    again.log(15, {"work": 15, "d_loss": 2.0})
    again.close()
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(row["work"], row["d_loss"]) for row in rows] == [(5, 1.0), (10, 1.0), (15, 2.0)]
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 2


def test_samples_are_a_sheet_of_at_most_64(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0)
    journal.show(5, np.zeros((100, 10, 12, 1), np.uint8))
    journal.close()
    with Image.open(tmp_path / "samples" / "step-00000005.png") as sheet:
        assert sheet.size == (8 * 14 + 2, 8 * 12 + 2)
