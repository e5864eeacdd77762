"""A release's recorded source is opened in its own job's outputs, and nowhere else unless the caller says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dcgan.errors import ReleaseError
from dcgan.files import storage
from dcgan.release.reader import load_release
from dcgan.run import history
from tests.reports import past_night
from tests.unit.conftest import COUNTS, Made, make_run
from tests.unit.release.conftest import release_of


@pytest.fixture
def made(tmp_path: Path) -> Made:
    made = make_run(tmp_path / "job")
    release_of(made)
    return made


def num_real(release: Path) -> int:
    return len(load_release(release).real()[0]) + len(load_release(release).real(split="holdout")[0])


def test_release_in_its_own_outputs_finds_its_real_images(made: Made, tmp_path: Path) -> None:
    assert num_real(made.run.job.latest) == sum(COUNTS.values())
    (tmp_path / "other name").symlink_to(made.run.job.root)
    assert num_real(tmp_path / "other name" / "latest") == sum(COUNTS.values())


def test_release_whose_run_is_gone_finds_them_by_the_history(made: Made) -> None:
    shutil.rmtree(made.run.root)
    with pytest.raises(ReleaseError, match="pass them as `real=`"):
        load_release(made.run.job.latest).real()
    history.append(made.run.job, past_night(1).model_copy(update={"run_id": made.run.id}))
    assert num_real(made.run.job.latest) == sum(COUNTS.values())


def _other_run(made: Made) -> Path:
    config = storage.read_json(made.run.config)
    storage.write_json(made.run.config, config | {"data": config["data"] | {"holdout": 0.3}})
    return made.run.job.latest


def _damaged_run(made: Made) -> Path:
    made.run.config.write_text("{")
    return made.run.job.latest


def _other_name(made: Made) -> Path:
    return (made.run.job.releases / made.run.id).rename(made.run.job.releases / "20200101-000000")


def _moved(made: Made) -> Path:
    return Path(shutil.move(made.run.job.root, made.run.job.root.with_name("moved"))) / "latest"


def _linked(made: Made) -> Path:
    """A stranger's folder where the job's own release would lie."""
    own = made.run.job.releases / made.run.id
    own.rename(made.run.job.root / "elsewhere")
    own.symlink_to(made.run.job.root / "elsewhere")
    return own


@pytest.mark.parametrize("change", [_other_run, _damaged_run, _other_name, _moved, _linked])
def test_release_elsewhere_finds_none_until_it_is_told(made: Made, change: Callable[[Made], Path]) -> None:
    release = load_release(change(made))
    for read in (release.real, release.dataset):
        with pytest.raises(ReleaseError, match=r"is not opened: .*images\.csv.*pass them as `real=`"):
            read()
    images, labels = release.real(made.config.data.source)
    assert len(images) == len(labels) > 0
