"""What a training writes down as it goes: `training.jsonl`, TensorBoard events, and pictures of its samples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dcgan.files import pictures, storage
from dcgan.training.events import Events

GRID_COLUMNS = 8  # sample grids are 8 x 8 images of fixed latents


class Journal:
    """Writes one training's journal; a resumed training continues it."""

    def __init__(self, folder: Path, work: int) -> None:
        """Open it, without what a killed process logged after its last snapshot.

        Args:
            folder: of the training.
            work: steps done so far.
        """
        self._folder, self._file = folder, folder / "training.jsonl"
        self._events = Events(folder, work)
        _cut(self._file, work)

    def log(self, work: int, row: Mapping[str, float]) -> None:
        """Add one row of figures after `work` steps."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self._events.scalars(work, row)

    def show(self, work: int, samples: np.ndarray) -> None:
        """Add a picture of the samples, uint8 (n, H, W, C), after `work` steps."""
        picture = pictures.png(pictures.grid(samples[: GRID_COLUMNS**2], GRID_COLUMNS))
        storage.write_bytes(self._folder / "samples" / f"step-{work:08d}.png", picture)
        self._events.picture(work, "samples", picture)

    def close(self) -> None:
        """Nothing more follows."""
        self._events.close()


def _cut(journal: Path, work: int) -> None:
    """Drop the rows that were logged after `work` steps, and half a line at the end."""
    if not journal.exists():
        return
    rows = []
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # half a line: the process died as it wrote
            break
        if row["work"] <= work:
            rows.append(line + "\n")
    storage.write_text(journal, "".join(rows))
