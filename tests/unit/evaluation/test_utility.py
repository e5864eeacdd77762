"""Paired classifiers on real digits: measured once, and anew when there are other synthetic images than before."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan import storage
from dcgan.config import JobConfig
from dcgan.evaluation.share import MAX_SHARE, synthetic_share
from dcgan.evaluation.utility import measure
from dcgan.paths import Run
from dcgan.progress import Progress
from tests.conftest import split_run, write_digits


def ignore(_: Progress) -> None:
    """Nobody watches."""


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Run, JobConfig]:
    write_digits(tmp_path / "images", {0: 30, 1: 25})
    return split_run(tmp_path, gate={"classifier_steps": 20})


def generate(run: Run, label: str, count: int) -> None:
    """Real images of the class, in place of synthetic ones."""
    for number, image in enumerate(np.load(run.train_images(label))[:count, ..., 0]):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        storage.write_bytes(run.generation(label) / "images" / f"{number}.png", file.getvalue())


def test_a_pair_is_measured_once(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    generate(run, "0", 4)
    told = measure(run, job, 0, ignore)
    assert set(told) == {"without", "with"} and all(0 <= value <= 1 for value in told.values())
    before = run.utility(0).stat().st_mtime_ns
    assert measure(run, job, 0, ignore) == told
    assert run.utility(0).stat().st_mtime_ns == before


def test_a_pair_is_measured_anew_when_more_was_generated(prepared: tuple[Run, JobConfig]) -> None:
    run, job = prepared
    generate(run, "0", 4)
    measure(run, job, 0, ignore)
    generate(run, "1", 7)
    measure(run, job, 0, ignore)
    assert storage.unpack_arrays(run.utility(0).read_bytes())["synthetic"].tolist() == [4, 7]


@pytest.mark.parametrize(("num_real", "num_synthetic", "share"), [(20, 380, 0.475), (300, 100, 0.125), (20, 0, 0.0)])
def test_the_rarer_a_class_the_larger_the_synthetic_share(num_real: int, num_synthetic: int, share: float) -> None:
    assert synthetic_share(num_real, num_synthetic) == pytest.approx(share)
    assert share < MAX_SHARE
