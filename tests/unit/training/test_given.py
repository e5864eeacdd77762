"""A job that begins with another job's base: with its networks, and with all that it has seen on its list."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dcgan.config import ResolvedJob, parse_job
from dcgan.data import lineage
from dcgan.data.split import TRAIN, image_shape
from dcgan.errors import ConfigError
from dcgan.files import storage
from dcgan.pipeline import fingerprints
from dcgan.run import records
from dcgan.run.paths import BASE_FILES, Run
from dcgan.run.records import BaseRecord
from dcgan.training import given
from dcgan.training.precision import choose_precision
from dcgan.training.stage import train_base
from tests.conftest import planned_run
from tests.samples import write_classes

TRAINING = {"width": 4, "latent_dim": 4, "batch_size": 8, "base_steps": 3, "precision": "float32"}


def job_of(root: Path, images: str, **training: Any) -> ResolvedJob:
    values = {
        "name": images, "data": {"source": images, "holdout": 0.3}, "training": TRAINING | training,
        "generation": {"per_class": 5}, "outputs": {"root": "out"},
    }  # fmt: skip
    return parse_job(values, where="test").resolve(root)


def trained(job: ResolvedJob) -> Run:
    run = planned_run(job)
    choose_precision(run, job.training, image_shape(run))
    train_base(run, job, None, lambda _: None)
    return run


def seen_by(run: Run) -> np.ndarray:
    return lineage.from_bytes((run.base / given.SEEN).read_bytes())


def weights(path: Path) -> dict[str, np.ndarray]:
    return storage.unpack_arrays(path.read_bytes())


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets of pictures, none in common."""
    root = tmp_path_factory.mktemp("given")
    write_classes(root / "first", {"cat": 24, "dog": 24})
    write_classes(root / "second", {"emu": 24, "owl": 24}, first=1000)
    return root


@pytest.fixture(scope="module")
def first(root: Path) -> Run:
    return trained(job_of(root, "first", learning_rate=1e-2))  # so that its weights are no longer the seed's


@pytest.fixture(scope="module")
def second(root: Path, first: Run) -> Run:
    """Begins with the base of the first, and hardly moves."""
    return trained(job_of(root, "second", base_from=str(first.root), learning_rate=1e-9))


def test_base_begins_with_the_networks_that_are_given(first: Run, second: Run) -> None:
    before, after = (weights(run.base / given.MODEL) for run in (first, second))
    kernels = [name for name in before if name.endswith("kernel")]
    assert len(kernels) == 4
    for name in kernels:
        assert np.abs(before[name] - after[name]).max() < 1e-6


def test_without_one_it_begins_with_random_weights(root: Path, first: Run) -> None:
    alone = trained(job_of(root, "second", learning_rate=1e-9))
    one, other = (weights(run.base / given.MODEL) for run in (first, alone))
    assert any(np.abs(one[name] - other[name]).max() > 1e-2 for name in one if name.endswith("kernel"))
    assert fingerprint(root, "second") != fingerprint(root, "second", base_from=str(first.root))


def fingerprint(root: Path, images: str, **training: Any) -> str:
    return fingerprints.take(job_of(root, images, **training), {}, (12, 10, 3), {}).trainings


def test_list_of_what_it_has_seen_grows_by_its_own_training_images(first: Run, second: Run) -> None:
    mine = []
    for run in (first, second):
        table = pd.read_parquet(run.split_table)
        mine.append(lineage.codes(table.loc[table["split"] == TRAIN, "image_sha256"]))
    assert np.array_equal(seen_by(first), np.unique(mine[0]))
    assert np.array_equal(seen_by(second), np.unique(np.concatenate(mine)))
    about = records.read(second.base / given.ABOUT, BaseRecord)
    assert about.image_shape == (12, 10, 3) and (about.width, about.latent_dim) == (4, 4)


@pytest.mark.parametrize(
    ("training", "problem"),
    [
        ({"width": 8}, "have width 4 and latent_dim 4, and this job's width 8 and latent_dim 4: set training.width"),
        ({"base": False}, "training.base_from is given, but with training.base: false"),
    ],
)
def test_networks_of_another_form_are_refused(root: Path, first: Run, training: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        given.of_job(job_of(root, "second", base_from=str(first.root), **training))


def test_images_of_another_size_are_refused(root: Path, first: Run) -> None:
    job = job_of(root, "second", base_from=str(first.root))
    with pytest.raises(ConfigError, match="its images are 12 x 10 px, RGB, and this job's 12 x 12 px, grey"):
        given.require_fit(job, (12, 12, 1), np.empty(0, np.uint64))


def test_base_that_has_seen_a_held_out_image_is_refused(root: Path, first: Run) -> None:
    job = job_of(root, "first", base_from=str(first.root))
    job = job.model_copy(update={"name": "third", "data": job.data.model_copy(update={"holdout": 0.6})})
    with pytest.raises(ConfigError, match=r"it has seen \d+ images that this job holds out"):
        planned_run(job)


def copy_of(first: Run, folder: Path) -> Path:
    """A copy that may be spoilt."""
    (folder / "base").mkdir(parents=True)
    for name in BASE_FILES:
        (folder / "base" / name).write_bytes((first.base / name).read_bytes())
    return folder


def spoil_seen(base: Path) -> None:
    (base / given.SEEN).write_bytes(b"12345678")


def sealed_but_cut(base: Path) -> None:
    content = (base / given.SEEN).read_bytes()[:-3]
    (base / given.SEEN).write_bytes(content)
    about = records.read(base / given.ABOUT, BaseRecord)
    records.write(base / given.ABOUT, about.model_copy(update={"seen_sha256": storage.sha256_bytes(content)}))


def leave_out_model(base: Path) -> None:
    (base / given.MODEL).unlink()


def pipe_for_model(base: Path) -> None:
    (base / given.MODEL).unlink()
    os.mkfifo(base / given.MODEL)


def link_for_seen(base: Path) -> None:
    (base / given.SEEN).rename(base.parent / "elsewhere")
    (base / given.SEEN).symlink_to(base.parent / "elsewhere")


def no_json(base: Path) -> None:
    (base / given.ABOUT).write_text("{")


def no_base(base: Path) -> None:
    base.rename(base.with_name("gone"))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (spoil_seen, "seen.bin is not what about.json says: the base is damaged"),
        (sealed_but_cut, "seen.bin is not what about.json says: the base is damaged"),
        (leave_out_model, "model.npz of training.base_from cannot be read: No such file"),
        (pipe_for_model, "model.npz is no plain file"),
        (link_for_seen, "seen.bin of training.base_from cannot be read"),
        (no_json, "about.json does not describe a shared base"),
        (no_base, "has no shared base: expected the folder of a run that trained one"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_base_is_told(root: Path, first: Run, tmp_path: Path, spoil: Any, problem: str) -> None:
    folder = copy_of(first, tmp_path / "run")
    spoil(folder / "base")
    with pytest.raises(ConfigError, match=problem):
        planned_run(job_of(root, "second", base_from=str(folder)))


def test_weights_that_are_not_the_networks_are_told_before_a_step(root: Path, first: Run, tmp_path: Path) -> None:
    folder = copy_of(first, tmp_path / "run")
    arrays = weights(first.base / given.MODEL)
    arrays.pop(next(iter(arrays)))
    (folder / "base" / given.MODEL).write_bytes(storage.pack_arrays(arrays))
    with pytest.raises(ConfigError, match=r"model.npz is not a base's: it does not hold the \d+ arrays"):
        trained(job_of(root, "second", base_from=str(folder)))
