"""The demo's data: real digits, long-tailed, with a test set of their own, the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcgan.config import load_job
from dcgan.data.catalogue import scan
from dcgan.data.demo import NUM_LARGEST, NUM_SMALLEST, NUM_TEST, write_demo
from tests.samples import tree_hash


@pytest.fixture(scope="module")
def job_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mlxtend")
    return write_demo(tmp_path_factory.mktemp("outputs"))


def test_classes_fall_from_the_largest_to_the_smallest_and_are_tested_alike(job_file: Path) -> None:
    counts = {
        split: [len(list(folder.iterdir())) for folder in (job_file.parent / "images" / split).iterdir()]
        for split in ("train", "test")
    }
    assert counts["test"] == [NUM_TEST] * 10
    assert (max(counts["train"]), min(counts["train"])) == (NUM_LARGEST, NUM_SMALLEST)
    assert len(set(counts["train"])) == 10


def test_job_reads_its_images_and_none_is_on_both_sides(job_file: Path) -> None:
    job = load_job(job_file)
    table, record = scan(job.data)
    assert record.reasons == {} and record.channels == 1 and record.image_size == (28, 28)
    assert table["image_sha256"].is_unique
    assert not Path(job.outputs.root, job.name).is_relative_to(job.data.source)


def test_written_again_it_is_left_as_it_is(job_file: Path) -> None:
    before = tree_hash(job_file.parent)
    assert write_demo(job_file.parents[1]) == job_file
    assert tree_hash(job_file.parent) == before
