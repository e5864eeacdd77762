"""The pictures of a class: real, synthetic, the closest pairs, what was rejected, and how the training looked.

A run's folder may be incomplete: a picture whose files are missing or damaged is None.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageSequence

from dcgan.files import pictures
from dcgan.report import figures
from dcgan.report.figures import Grid
from dcgan.run.paths import Run

NUM_SHOWN = 24  # images of a kind per class
NUM_PAIRS = 8  # synthetic images nearest to a real one
NUM_REJECTED = 8  # per reason
SHEET_SIDE = 8  # images in a row and in a column of a training's sample sheets
TIMELAPSE_SIDE = 4  # of these, how many are shown
MAX_FRAMES = 16
FRAME_MILLISECONDS = 400  # where the file does not say
MAX_TILE_SIDE = 48  # px of one image in the timelapse


@dataclass(frozen=True)
class Pairs:
    """A row of the synthetic images that are nearest to real training images, above a row of those."""

    grid: Grid
    low: float
    high: float
    """The least and the largest of their distances."""


@dataclass(frozen=True)
class Rejected:
    """Candidates that were rejected for one reason."""

    reason: str
    grid: Grid


@dataclass(frozen=True)
class Timelapse:
    """A training to watch."""

    uri: str
    still: str
    """URI of its last frame."""
    width: int
    """px"""
    height: int
    """px"""
    frames: int


@dataclass(frozen=True)
class ClassPictures:
    """All pictures of a class, of those that there are."""

    real: Grid | None = None
    synthetic: Grid | None = None
    pairs: Pairs | None = None
    rejected: list[Rejected] = field(default_factory=list)
    timelapse: Timelapse | None = None


def class_pictures(run: Run, label: str) -> ClassPictures:
    """All pictures of a class."""
    return ClassPictures(
        real=_real(run, label),
        synthetic=_grid(_read(sorted((run.generation(label) / "images").glob("*.png"))[:NUM_SHOWN])),
        pairs=_pairs(run, label),
        rejected=_rejected(run.generation(label) / "rejected"),
        timelapse=_timelapse(run.training(label) / "timelapse.webp"),
    )


def _grid(images: list[np.ndarray]) -> Grid | None:
    return figures.image_grid(np.stack(images)) if images else None


def _read(files: Iterable[Path]) -> list[np.ndarray]:
    images = []
    for file in files:
        try:
            images.append(pictures.read(file))
        except (OSError, ValueError):  # not whole
            continue
    return [image for image in images if image.shape == images[0].shape]


def _real(run: Run, label: str) -> Grid | None:
    try:
        images = np.load(run.train_images(label), mmap_mode="r", allow_pickle=False)[:NUM_SHOWN]
    except (OSError, ValueError, EOFError):  # never written, or not whole
        return None
    return _grid([np.asarray(image) for image in images])


def _pairs(run: Run, label: str) -> Pairs | None:
    try:
        rows = pd.read_parquet(
            run.generation(label) / "rows.parquet", columns=["image_id", "nearest_real_distance", "nearest_real_path"]
        ).nsmallest(NUM_PAIRS, "nearest_real_distance")
        split = pd.read_parquet(
            run.split_table, columns=["path", "row"], filters=[("label", "==", label), ("split", "==", "train")]
        )
        real = np.load(run.train_images(label), mmap_mode="r", allow_pickle=False)
        row_of = dict(zip(split["path"], split["row"], strict=True))
        near = rows[rows["nearest_real_path"].isin(row_of)]
        made = [pictures.read(run.generation(label) / "images" / f"{name}.png") for name in near["image_id"]]
        images = [*made, *(np.asarray(real[row_of[path]]) for path in near["nearest_real_path"])]
        grid = figures.image_grid(np.stack(images), columns=len(made))
    except (OSError, ValueError, EOFError, KeyError, IndexError):  # missing, not whole, or no pair at all
        return None
    distances = near["nearest_real_distance"]
    return Pairs(grid, float(distances.min()), float(distances.max()))


def _rejected(folder: Path) -> list[Rejected]:
    if not folder.is_dir():
        return []
    kept = {path.name: sorted(path.glob("*.png"))[:NUM_REJECTED] for path in sorted(folder.iterdir())}
    grids = {reason: _grid(_read(files)) for reason, files in kept.items()}
    return [Rejected(reason, grid) for reason, grid in grids.items() if grid]


def _timelapse(file: Path) -> Timelapse | None:
    """The first images of a training's timelapse, small."""
    try:
        with Image.open(file) as image:
            frames = [(frame.convert("RGB"), frame.info.get("duration", 0)) for frame in ImageSequence.Iterator(image)]
    except (OSError, ValueError, SyntaxError):  # missing, or not whole
        return None
    last = frames.pop()
    kept = [*frames[:: -(-len(frames) // MAX_FRAMES) or 1], last]
    small = [_corner(frame) for frame, _ in kept]
    durations = [milliseconds or FRAME_MILLISECONDS for _, milliseconds in kept]
    buffer = io.BytesIO()
    small[0].save(buffer, "WEBP", save_all=True, append_images=small[1:], duration=durations, loop=0, quality=60)
    still = io.BytesIO()
    small[-1].save(still, "WEBP", quality=80)
    return Timelapse(
        uri=figures.data_uri(buffer.getvalue(), "image/webp"),
        still=figures.data_uri(still.getvalue(), "image/webp"),
        width=small[0].width,
        height=small[0].height,
        frames=len(small),
    )


def _corner(sheet: Image.Image) -> Image.Image:
    """The upper left images of a sheet, none larger than `MAX_TILE_SIDE`."""
    width, height = (
        (side - pictures.BORDER) // SHEET_SIDE * TIMELAPSE_SIDE + pictures.BORDER
        for side in (sheet.width, sheet.height)
    )
    corner = sheet.crop((0, 0, width, height))
    factor = min(1.0, TIMELAPSE_SIDE * MAX_TILE_SIDE / max(width, height))
    return corner.resize((round(width * factor), round(height * factor))) if factor < 1 else corner
