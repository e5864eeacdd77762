"""Near duplicates are found whatever was done to them, between sides and classes; simple images are not all of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from dcgan.config import ResolvedJob
from dcgan.data import leakage
from dcgan.data.leakage import ACROSS_CLASSES, ACROSS_SIDES, audit, leaked
from dcgan.pipeline.performing import perform
from dcgan.pipeline.stages import SPLIT
from dcgan.run.paths import Run
from dcgan.terminal import display
from tests.conftest import split_run, write_digits

SIDE = 32
ODD = "<b>&%"


def picture(number: int) -> Image.Image:
    """A smooth colour picture, no two alike."""
    coarse = np.random.default_rng(number).integers(0, 256, (5, 5, 3), np.uint8)
    return Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def as_jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=60)
    return Image.open(buffer)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "stored with loss": as_jpeg,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
    "resized and back": lambda image: image.resize((24, 24)).resize((SIDE, SIDE)),
    "cropped": lambda image: image.crop((0, 0, SIDE - 1, SIDE - 1)).resize((SIDE, SIDE)),
    "one pixel": lambda image: Image.fromarray(np.asarray(image) ^ np.eye(SIDE, dtype=np.uint8)[..., None]),
}


def write(root: Path, split: str, label: str, name: str, image: Image.Image) -> str:
    file = root / "images" / split / label / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)
    return f"{split}/{label}/{name}.png"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ResolvedJob]:
    """Two classes; in "test", copies of training images are hidden: one of each change, and of the other class."""
    root = tmp_path_factory.mktemp("leakage")
    for number in range(60):
        label = "cat" if number % 2 else "dog"
        write(root, "train", label, f"{number:02d}", picture(number))
        write(root, "test", label, f"{number:02d}", picture(1000 + number))
    for number, change in enumerate(CHANGES.values()):
        write(root, "test", "cat", f"copy-{number}", change(picture(2 * number + 1)))
    write(root, "test", "cat", "other", as_jpeg(picture(40)))  # a training dog
    write(root, "test", "dog", "other", as_jpeg(picture(53)))  # a training cat
    write(root, "train", "dog", "both", as_jpeg(picture(51)))  # a training cat: no held-out image
    return split_run(root, data={"source": str(root / "images"), "holdout": "test"})


@pytest.fixture
def run(prepared: tuple[Run, ResolvedJob]) -> Run:
    return prepared[0]


def held_out_paths(run: Run, label: str) -> list[str]:
    table = pd.read_parquet(run.split_table)
    rows = table[(table["label"] == label) & (table["split"] == "holdout")].sort_values("row")
    return [path for path, bad in zip(rows["path"], leaked(run, label), strict=True) if bad]


def test_copies_are_found_whatever_was_done_to_them_and_nothing_else_is(run: Run) -> None:
    expected = [*(f"test/cat/copy-{number}.png" for number in range(len(CHANGES))), "test/cat/other.png"]
    assert held_out_paths(run, "cat") == expected
    assert held_out_paths(run, "dog") == ["test/dog/other.png"]


def test_pairs_are_counted_and_named(run: Run) -> None:
    record = audit(run)
    assert record.pairs == {ACROSS_SIDES: len(CHANGES) + 2, ACROSS_CLASSES: 3}
    assert len(record.examples) == len(CHANGES) + 3
    distances = [example.distance for example in record.examples]
    assert distances == sorted(distances) and 0 < distances[0] < distances[-1] < 0.1
    named = {frozenset(image.path for image in example.images) for example in record.examples}
    assert {"test/cat/other.png", "train/dog/40.png"} in named and {"train/dog/both.png", "train/cat/51.png"} in named


def test_it_is_looked_for_once_and_stands_whole(run: Run) -> None:
    audit(run)
    before = run.leakage.stat().st_mtime_ns
    leaked(run, "cat")
    assert run.leakage.stat().st_mtime_ns == before
    assert json.loads(run.leakage.read_text(encoding="utf-8")) == audit(run).model_dump(mode="json")


def test_no_more_pairs_are_named_than_one_can_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leakage, "MAX_LISTED", 3)
    record = leakage._audit(run)
    assert len(record.examples) == 3 and record.pairs == audit(run).pairs


@pytest.mark.parametrize("chunk", [1, 100])
def test_chunks_do_not_matter(run: Run, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(leakage, "CHUNK_PAIRS", chunk)
    monkeypatch.setattr(leakage, "CHUNK_VALUES", chunk)
    assert leakage._audit(run) == audit(run)


def test_coarse_pictures_are_never_further_apart_than_the_pictures() -> None:
    draws = np.random.default_rng(0)
    for shape in ((8, 8, 1), (13, 29, 3)):
        images = draws.integers(0, 256, (40, *shape), np.uint8)
        images[20:] = np.clip(images[:20].astype(int) + draws.integers(0, 9), 0, 255)  # apart by their means alone
        coarse = leakage._coarse(images)
        exact = np.sqrt(((images[:20] / 255 - images[20:] / 255) ** 2).mean((1, 2, 3)))
        apart = np.sqrt(((coarse[:20] - coarse[20:]) ** 2).sum(1))
        assert (apart <= exact + 1e-6).all()


def test_simple_images_that_share_their_hash_are_no_near_duplicates(tmp_path: Path) -> None:
    write_digits(tmp_path / "images", {1: 180, 7: 170})
    run, _ = split_run(tmp_path, data={"source": str(tmp_path / "images"), "holdout": 0.3})
    share = np.concatenate([leaked(run, label) for label in ("1", "7")]).mean()
    assert share < 0.03


def test_class_of_few_images_is_held_against_what_is_usual_among_all(tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path, "train", "many", f"{number}", picture(number))
        write(tmp_path, "test", "many", f"{number}", picture(500 + number))
    for number in range(8):
        write(tmp_path, "train", ODD, f"{number}", picture(100 + number))
    for number in range(3):
        write(tmp_path, "test", ODD, f"{number}", as_jpeg(picture(100 + number)))
    run, _ = split_run(tmp_path, data={"source": str(tmp_path / "images"), "holdout": "test"})
    assert leaked(run, ODD).tolist() == [True] * 3
    assert not leaked(run, "many").any()


def test_class_without_training_or_held_out_images_is_no_obstacle(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path, "train", "a", f"{number}", picture(number))
        write(tmp_path, "train", "b", f"{number}", picture(100 + number))
    write(tmp_path, "test", "only-test", "1", picture(200))
    run, _ = split_run(tmp_path, data={"source": str(tmp_path / "images"), "holdout": "test"})
    assert [len(leaked(run, label)) for label in ("a", "b", "only-test")] == [0, 0, 1]
    assert audit(run).pairs == {ACROSS_SIDES: 0, ACROSS_CLASSES: 0}


def test_damaged_record_is_made_again(run: Run) -> None:
    before = audit(run)
    run.leakage.write_text("{", encoding="utf-8")
    assert audit(run) == before
    assert json.loads(run.leakage.read_text(encoding="utf-8")) == before.model_dump(mode="json")


def test_run_tells_what_is_no_evidence(prepared: tuple[Run, ResolvedJob], capsys: pytest.CaptureFixture[str]) -> None:
    with display.live():
        perform(SPLIT, *prepared)
    told = capsys.readouterr().err
    assert "Near duplicates, training and held-out: 7 pairs" in told
    assert "Near duplicates, across classes: 3 pairs" in told
    assert "7 held-out images near a training image: left out of the proof" in told
