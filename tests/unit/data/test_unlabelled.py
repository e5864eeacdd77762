"""Images without labels: what is used, what is left out and why, and that nothing held out is among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dcgan.config import ResolvedJob, parse_job
from dcgan.data import unlabelled
from dcgan.data.catalogue import scan, scan_unlabelled
from dcgan.data.catalogue import unlabelled as listing
from dcgan.data.catalogue.reasons import DAMAGED, DUPLICATE, HIDDEN, SYNTHETIC
from dcgan.errors import ConfigError, InputError
from dcgan.generation.png import encode
from dcgan.pipeline.stages import SPLIT
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import CatalogueRecord, TrainingRecord, UnlabelledRecord
from tests.conftest import planned_run
from tests.samples import noise, tree_hash, write_noise

SIDE = 32


def picture(number: int) -> Image.Image:
    """A smooth grey picture, no two alike."""
    coarse = np.random.default_rng(number).integers(0, 256, (5, 5), np.uint8)
    return Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def save(image: Image.Image, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file)


def write_source(root: Path) -> None:
    for number in range(60):
        label, split = "cat" if number % 2 else "dog", ("train", "test", "val")[number % 3]
        save(picture(number), root / "images" / split / label / f"{number:02d}.png")


def job_of(root: Path, **data: Any) -> ResolvedJob:
    data = {"source": "images", "holdout": "test", "unlabelled": "more"} | data
    values = {"name": "t", "data": data, "outputs": {"root": "out"}, "generation": {"per_class": 5}}
    return parse_job(values, where="test").resolve(root)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source of two classes and three splits, and a folder of pictures with whatever may lie in one."""
    root = tmp_path_factory.mktemp("unlabelled")
    write_source(root)
    more = root / "more"
    for number in range(100, 110):
        save(picture(number), more / f"deep/{number % 2}/{number}.png")
    save(picture(110).resize((50, 40)).convert("RGB"), more / "large.jpg")
    save(picture(100), more / "again.png")
    for number, name in {0: "train", 1: "held-out", 2: "unused"}.items():
        save(picture(number), more / f"{name}.bmp")  # the same pixels in another file
    for number, name in {0: "train", 1: "held-out"}.items():
        picture(number).save(more / f"near-{name}.jpg", quality=60)
    (more / "damaged.png").write_bytes(b"no picture")
    (more / ".hidden.png").write_bytes(b"")
    image = np.asarray(picture(111))[..., None]
    (more / "synthetic.png").write_bytes(encode(image, job="j", label="cat", index=0, model_sha256="0"))
    return root


@pytest.fixture(scope="module")
def run(root: Path) -> Run:
    return planned_run(job_of(root))


def test_what_is_left_out_has_its_reason(run: Run) -> None:
    table = pd.read_parquet(run.unlabelled_table).set_index("path")
    left_out = table[table["verdict"] != "accepted"]
    assert left_out["reason"].to_dict() == {
        ".hidden.png": HIDDEN, "damaged.png": DAMAGED, "synthetic.png": SYNTHETIC, "train.bmp": DUPLICATE,
        "held-out.bmp": DUPLICATE, "unused.bmp": DUPLICATE, "deep/0/100.png": DUPLICATE,
    }  # fmt: skip
    assert left_out.loc["unused.bmp", "detail"] == "of val/dog/02.png in data.source"
    assert left_out.loc["deep/0/100.png", "detail"] == "of again.png"
    found = records.read(run.catalogue_record, CatalogueRecord).unlabelled
    assert found is not None
    assert (found.files, found.accepted, found.unused) == (len(table), len(table) - len(left_out), 0)
    assert found.reasons[DUPLICATE] == 4 and len(found.examples) == len(left_out)


def test_near_duplicates_of_images_with_labels_are_not_learnt_from(run: Run) -> None:
    record = records.read(run.unlabelled / unlabelled.RECORD, UnlabelledRecord)
    assert record == UnlabelledRecord(used=11, near_labelled=2)
    images = unlabelled.load(run)
    assert images is not None and images.shape == (11, SIDE, SIDE, 1) and images.dtype == np.uint8
    for number in (0, 1):
        near = np.asarray(picture(number), float)
        assert min(np.abs(image[..., 0] - near).mean() for image in images) > 20
    exact = [np.asarray(picture(number)) for number in range(100, 110)]
    assert sum(any((image[..., 0] == other).all() for other in exact) for image in images) == 10


def test_lines_say_how_many_are_used(run: Run) -> None:
    lines = list(SPLIT.messages(run, None))
    assert "Images without labels: 11 used; 2 near one with a label left out" in lines


def test_names_and_order_of_files_do_not_matter(root: Path, run: Run, tmp_path: Path) -> None:
    write_source(tmp_path)
    for number, file in enumerate(sorted((root / "more").rglob("*.*"), reverse=True)):
        if file.is_file() and not file.name.startswith("."):
            target = tmp_path / "more" / f"{number:03d}{file.suffix}"
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(file.read_bytes())
    again = planned_run(job_of(tmp_path))
    one, other = (unlabelled.load(each) for each in (run, again))
    assert one is not None and other is not None and np.array_equal(one, other)
    assert np.array_equal(unlabelled.codes(run), unlabelled.codes(again))


def test_too_many_are_cut_to_the_same_ones_when_some_are_added(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(root)
    labelled, _ = scan(job.data)
    monkeypatch.setattr(listing, "MAX_IMAGES", 6)
    before, found = scan_unlabelled(job.data, labelled)
    assert (found.accepted, found.unused) == (6, 7)
    added = root / "more" / "added.png"
    save(picture(500), added)
    try:
        after, found = scan_unlabelled(job.data, labelled)
    finally:
        added.unlink()
    assert (found.accepted, found.unused) == (6, 8)
    assert len(np.setdiff1d(unlabelled.codes_of(before), unlabelled.codes_of(after))) <= 1


def test_the_folder_is_not_written_to_and_is_not_opened_twice(root: Path, run: Run) -> None:
    before = tree_hash(root / "more")
    assert run.job.unlabelled_cache.exists()
    planned_run(job_of(root))
    assert tree_hash(root / "more") == before


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere", "data.unlabelled .*nowhere does not exist"),
        ("images/train/cat/01.txt", "is a file; expected a folder of images"),
        ("empty", r"data.unlabelled .*empty: no image that can be used, in 1 files. Left out: 1 not an image"),
        ("images", "no image that can be used, in 60 files. Left out: 60 duplicate of another file"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, name: str, problem: str) -> None:
    write_source(tmp_path)
    (tmp_path / "images/train/cat/01.txt").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x.png").write_bytes(b"x")
    if name == "images":
        (tmp_path / "images/train/cat/01.txt").unlink()
    job = job_of(tmp_path, unlabelled=name)
    labelled, _ = scan(job.data)
    with pytest.raises(InputError, match=problem):
        scan_unlabelled(job.data, labelled)


def test_without_a_base_they_are_refused_and_outputs_may_not_lie_among_them(tmp_path: Path) -> None:
    values = {"name": "t", "data": {"source": "images", "unlabelled": "more"}}
    with pytest.raises(ConfigError, match=r"training.base: false there is no shared base"):
        parse_job(values | {"training": {"base": False}}, where="test").resolve(tmp_path)
    with pytest.raises(ConfigError, match=r"inside data.unlabelled"):
        parse_job(values | {"outputs": {"root": "more/out"}}, where="test").resolve(tmp_path)


def test_base_learns_from_them_and_without_them_is_what_it_was(tmp_path: Path) -> None:
    from dcgan.data.split import image_shape  # noqa: PLC0415 (what trains imports TensorFlow)
    from dcgan.training.precision import choose_precision  # noqa: PLC0415
    from dcgan.training.stage import train_base  # noqa: PLC0415

    for label, first in {"cat": 0, "dog": 20}.items():
        for number in range(20):
            write_noise(tmp_path / "images" / label / f"{number}.png", first + number, 16, 16, 1)
    for number in range(30):
        save(Image.fromarray(noise(100 + number, 16, 16, 1)), tmp_path / "more" / f"{number}.png")
    training = {"width": 4, "latent_dim": 4, "batch_size": 8, "base_steps": 2, "precision": "float32"}
    found = {}
    for name, more in {"with": {"unlabelled": "more"}, "without": {}, "again": {}}.items():
        values = {"name": name, "data": {"source": "images", "holdout": 0.2, **more}, "training": training}
        values |= {"outputs": {"root": "out"}, "generation": {"per_class": 5}}
        job = parse_job(values, where="test").resolve(tmp_path)
        run = planned_run(job)
        choose_precision(run, job.training, image_shape(run))
        found[name] = train_base(run, job, None, lambda _: None)
    with_them, without, again = (found[name] for name in ("with", "without", "again"))
    assert isinstance(with_them, TrainingRecord)
    assert with_them.num_images == without.num_images + 30
    assert without.model_sha256 == again.model_sha256 != with_them.model_sha256


def test_check_counts_them(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dcgan.cli import work  # noqa: PLC0415 (nothing else here needs it)

    work.check(job_of(root), given="job.yaml", as_json=False, timing=False)
    told = capsys.readouterr().err
    assert "and up to 13 without labels" in told
    assert f"Left out: 4 files without labels, {DUPLICATE}" in told
