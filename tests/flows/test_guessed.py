"""Labels guessed for images without labels: tried, proven, released, and trained with in the morning."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dcgan
from dcgan.data import unlabelled
from dcgan.errors import ReleaseError
from dcgan.release.guessed import FILE
from dcgan.release.verify import verify
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import Ending, RecipeRecord
from tests.conftest import TINY, Finished, write_digits, write_job

DATA = {"source": "images", "holdout": 0.4, "unlabelled": "more"}
LABELLED, ALL = {"0": 60, "1": 50, "7": 90}, 95  # images of each class; those beyond have no labels
SHARE = 0.5


@pytest.fixture(scope="module")
def nights(run_job: Callable[..., Finished], tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Finished]:
    """A night that tries guessed labels, and one that takes a recipe over that has them."""
    root = tmp_path_factory.mktemp("guessed")
    write_digits(root / "images", dict.fromkeys(map(int, LABELLED), ALL))
    for label, count in LABELLED.items():
        (root / "more" / label).mkdir(parents=True)
        for file in sorted((root / "images" / label).iterdir())[count:]:
            file.rename(root / "more" / label / file.name)
    job = write_job(root, data=DATA)
    first = run_job(job)
    file = Run(first.run).recipe_record
    record = records.read(file, RecipeRecord)
    chosen = record.chosen.model_copy(update={"guessed": SHARE})
    records.write(file, record.model_copy(update={"chosen": chosen}))
    return first, run_job(write_job(root, data=DATA, gate=TINY["gate"] | {"classifier_seeds": 3}))


@pytest.fixture
def release(nights: tuple[Finished, Finished]) -> dcgan.Release:
    return dcgan.load_release(nights[1].release)


def used(done: Finished) -> set[bytes]:
    """The images without labels of a run."""
    images = unlabelled.load(Run(done.run))
    assert images is not None
    return {image.tobytes() for image in images}


def test_recipe_with_guessed_labels_is_tried_before_those_with_images(nights: tuple[Finished, Finished]) -> None:
    tried = records.read(Run(nights[0].run).recipe_record, RecipeRecord).tried
    assert [(one.recipe.guessed, one.recipe.synthetic > 0) for one in tried[:2]] == [(0, False), (SHARE, False)]
    assert all(one.recipe.synthetic for one in tried[2:]) and len({one.recipe.guessed for one in tried[2:]}) == 1


def test_release_lists_what_was_guessed(nights: tuple[Finished, Finished], release: dcgan.Release) -> None:
    verify(nights[1].release)
    table = pd.read_csv(release.path / FILE, dtype={"label": str})
    assert table["votes"].between(2, 3).all() and set(table["label"]) <= {"0", "1", "7"}
    guesses = {label: entry.evidence.guessed for label, entry in release.record.classes.items() if entry.evidence}
    assert sum(guesses.values()) == len(table) == len(used(nights[1])) > 40
    truth = np.array([path.split("/")[0] for path in table["path"]])
    assert (truth == table["label"]).mean() > 0.8, "they are digits that a classifier tells apart"


def test_dataset_draws_them_as_they_were_measured(nights: tuple[Finished, Finished], release: dcgan.Release) -> None:
    known = used(nights[1])
    drawn = release.dataset(batch_size=200, synthetic=False, guessed=True, mixup=False)
    batches = list(drawn.take(10).as_numpy_iterator())
    images = np.concatenate([images for images, _ in batches]).astype(np.uint8)
    targets = np.concatenate([targets for _, targets in batches]).argmax(1)
    is_guessed = np.array([image.tobytes() in known for image in images])
    for number, entry in enumerate(release.record.classes.values()):
        assert entry.evidence is not None and 0 < entry.evidence.guessed_share < SHARE
        assert abs(is_guessed[targets == number].mean() - entry.evidence.guessed_share) < 0.05
    without = next(release.dataset(batch_size=500, guessed=False).as_numpy_iterator())[0].astype(np.uint8)
    assert not {image.tobytes() for image in without} & known


def test_what_is_gone_or_has_changed_is_left_out_with_a_warning(
    release: dcgan.Release, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images, labels = release.guessed()
    assert len(images) == len(labels) > 40 and images.dtype == np.uint8
    assert release.config.data.unlabelled is not None
    moved = Path(shutil.copytree(release.config.data.unlabelled, tmp_path / "moved"))
    names = list(pd.read_csv(release.path / FILE)["path"])
    (moved / names[0]).unlink()
    shutil.copyfile(moved / names[2], moved / names[1])
    with caplog.at_level(logging.WARNING):
        some, of_some = release.guessed(moved)
    assert np.array_equal(some, images[2:]) and np.array_equal(of_some, labels[2:])
    assert f"2 of {len(images)} images without labels are gone" in caplog.text


def test_of_a_release_from_elsewhere_only_a_folder_that_is_named_is_opened(
    nights: tuple[Finished, Finished], release: dcgan.Release, tmp_path: Path
) -> None:
    other = dcgan.load_release(shutil.copytree(nights[1].release, tmp_path / "copy"))
    real, more = nights[1].job_file.parent / "images", nights[1].job_file.parent / "more"
    with pytest.raises(ReleaseError, match=r"is not opened: .*`unlabelled=`"):
        other.dataset(real, guessed=True)
    assert np.array_equal(other.guessed(more)[0], release.guessed()[0])
    for dataset in (other.dataset(real, unlabelled=more, guessed=True), other.dataset(real, guessed=False)):
        next(iter(dataset.take(1)))


def test_night_on_which_more_images_without_labels_came_changes_nothing(
    nights: tuple[Finished, Finished], run_job: Callable[..., Finished]
) -> None:
    write_digits(nights[1].job_file.parent / "more" / "new", {2: 3})
    assert run_job(nights[1].job_file).summary["ending"] == Ending.UNCHANGED
