"""Pictures are those that they are said to be; what is damaged or missing is left out."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dcgan.files import pictures
from dcgan.report import figures
from dcgan.report.figures import Grid
from dcgan.report.gallery import TIMELAPSE_SIDE, ClassPictures, class_pictures
from tests.reports import STEPS, write_training
from tests.samples import noise
from tests.unit.conftest import CAT, MADE, Made, make_run

BORDER = pictures.BORDER


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def tiles(grid: Grid, height: int, width: int) -> list[np.ndarray]:
    sheet = np.asarray(opened(grid.uri))
    return [
        sheet[top : top + height, left : left + width]
        for top in range(BORDER, sheet.shape[0], height + BORDER)
        for left in range(BORDER, sheet.shape[1], width + BORDER)
    ]


@pytest.fixture
def own(tmp_path: Path) -> Made:
    """A run that a test may change, with real training images known by their row."""
    return make_run(tmp_path)


def test_pairs_are_the_nearest_with_the_real_image_below(own: Made) -> None:
    split = pd.read_parquet(own.run.split_table)
    rows_of_real = split[(split["label"] == CAT) & (split["split"] == "train")].sort_values("row")
    file = own.run.generation(CAT) / "rows.parquet"
    rows = pd.read_parquet(file)
    rows["nearest_real_distance"] = [0.3, 0.1, 0.2]
    rows["nearest_real_path"] = rows_of_real["path"].to_list()[4:7]
    rows.to_parquet(file)
    pairs = class_pictures(own.run, CAT).pairs
    assert pairs is not None and (pairs.grid.count, pairs.low, pairs.high) == (6, 0.1, 0.3)
    real = np.load(own.run.train_images(CAT))
    shown = tiles(pairs.grid, *real.shape[1:3])
    for place, number in enumerate([1, 2, 0]):  # by distance
        made = pictures.read(own.run.generation(CAT) / "images" / f"{rows['image_id'][number]}.png")
        assert np.array_equal(shown[place], made)
        assert np.array_equal(shown[3 + place], real[4 + number])


def test_pair_whose_real_image_is_unknown_is_left_out(own: Made) -> None:
    file = own.run.generation(CAT) / "rows.parquet"
    pd.read_parquet(file).assign(nearest_real_path="../elsewhere.png").to_parquet(file)
    assert class_pictures(own.run, CAT).pairs is None


def test_rejected_images_stand_under_their_reason(own: Made) -> None:
    for number, reason in enumerate(["near copy", "blank", "blank"]):
        folder = own.run.generation(CAT) / "rejected" / reason
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(number)).save(folder / f"{number}.png")
    (own.run.generation(CAT) / "rejected" / "empty").mkdir()
    kinds = class_pictures(own.run, CAT).rejected
    assert [(kind.reason, kind.grid.count) for kind in kinds] == [("blank", 2), ("near copy", 1)]
    assert np.array_equal(tiles(kinds[1].grid, 12, 10)[0], noise(0))


def test_timelapse_is_small_and_ends_in_its_still(own: Made) -> None:
    write_training(own.run.training(CAT))
    timelapse = class_pictures(own.run, CAT).timelapse
    assert timelapse is not None
    with opened(timelapse.uri) as moving, opened(timelapse.still) as still:
        assert getattr(moving, "n_frames", 1) == len(STEPS) == timelapse.frames
        assert (
            moving.size
            == still.size
            == (TIMELAPSE_SIDE * (10 + BORDER) + BORDER, TIMELAPSE_SIDE * (12 + BORDER) + BORDER)
        )
        moving.seek(len(STEPS) - 1)
        last, first = np.asarray(moving.convert("RGB"), int), np.asarray(still.convert("RGB"), int)
    assert np.abs(last - first).mean() < 20  # of two lossy copies


@pytest.mark.parametrize("content", [None, b"", b"RIFF\x00\x00\x00\x00WEBPnonsense"])
def test_damaged_files_leave_their_pictures_out(own: Made, content: bytes | None) -> None:
    folder = own.run.generation(CAT)
    write_training(own.run.training(CAT))
    damaged = [
        own.run.train_images(CAT), own.run.training(CAT) / "timelapse.webp", folder / "rows.parquet",
        *(folder / "images").iterdir(),
    ]  # fmt: skip
    for file in damaged:
        file.unlink() if content is None else file.write_bytes(content)
    assert class_pictures(own.run, CAT) == ClassPictures(
        real=None, synthetic=None, pairs=None, rejected=[], timelapse=None
    )


def test_one_damaged_image_is_left_out_of_its_grid(own: Made) -> None:
    next((own.run.generation(CAT) / "images").iterdir()).write_bytes(b"\x89PNG")
    synthetic = class_pictures(own.run, CAT).synthetic
    assert synthetic is not None and synthetic.count == MADE[CAT] - 1


@pytest.mark.parametrize(("side", "kind"), [(32, "image/png"), (33, "image/webp"), (100, "image/webp")])
@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_are_shown_small(side: int, kind: str, channels: int) -> None:
    images = np.stack([noise(n, side, side // 2, channels).reshape(side, side // 2, channels) for n in range(10)])
    grid = figures.image_grid(images)
    assert grid.uri.startswith(f"data:{kind};")
    with opened(grid.uri) as sheet:
        assert sheet.size == (grid.width, grid.height)
    shown = min(side, figures.MAX_SHOWN_SIDE)
    assert grid.height == 2 * (shown + BORDER) + BORDER
