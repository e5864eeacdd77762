"""What changes how a source is read stops the next night, until somebody says which way is meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcgan.config import DataConfig, parse_job
from dcgan.data.catalogue import build_catalogue
from dcgan.errors import InputError
from dcgan.execution.progress import no_report
from dcgan.files import storage
from dcgan.run import history, runs
from dcgan.run.paths import Run
from tests.records import run_summary
from tests.samples import write_classes, write_noise

Night = Callable[..., Run]


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A run of a job on `images`, up to where it is under way, ended then."""

    def act(*, started: bool = True, **data: Any) -> Run:
        values = {"name": "j", "data": {"source": "images", "holdout": 0.5, **data}, "outputs": {"root": "out"}}
        config = parse_job(values, where="test").resolve(tmp_path)
        run, _ = runs.open_run(config)
        try:
            build_catalogue(run, config, no_report)
            if started:
                storage.write_json(run.fingerprints, {})
        finally:
            history.finish_run(run, run_summary())
        return run

    return act


def _move_into_splits(images: Path) -> None:
    """As somebody does who finds that a folder was a split after all."""
    for split in ("train", "test"):
        write_classes(images / split, {"cat": 10, "dog": 10}, first=100 * len(split))
    for label in ("cat", "dog"):
        (images / label).rename(images / "train" / f"{label}s")


def _metadata(images: Path) -> None:
    rows = [f"{label}/{number:03d}.png,{label}{number % 2}\n" for label in ("cat", "dog") for number in range(10)]
    (images / "metadata.csv").write_text("file_name,label\n" + "".join(rows))


CHANGES: dict[str, tuple[Callable[[Path], None], dict[str, Any], str]] = {
    "splits": (_move_into_splits, {"splits": {"train": "train", "test": "test"}}, "folder per split and class"),
    "metadata": (_metadata, {"format": "imagefolder"}, "Hugging Face image folder"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_source_that_is_read_otherwise_stops_the_night_until_it_is_said(
    tmp_path: Path, night: Night, change: str
) -> None:
    images = write_classes(tmp_path / "images", {"cat": 10, "dog": 10})
    first = night()
    make, said, now = CHANGES[change]
    make(images)
    with pytest.raises(InputError, match=f"was read by run {first.id} as folder per class.*now as {now}"):
        night()
    with pytest.raises(InputError, match=r"data\.splits .*data\.format"):  # and the night after
        night()
    night(**said)
    night(**said)


def test_more_images_classes_and_splits_are_no_other_reading(tmp_path: Path, night: Night) -> None:
    for split in ("train", "test"):
        write_classes(tmp_path / "images" / split, {"cat": 10, "dog": 10}, first=100 * len(split))
    night()
    write_classes(tmp_path / "images" / "train", {"bird": 10}, first=50)
    write_classes(tmp_path / "images" / "val", {"cat": 3, "dog": 3}, first=70)
    night()


def test_run_that_never_got_under_way_does_not_bind_the_next(tmp_path: Path, night: Night) -> None:
    images = write_classes(tmp_path / "images", {"cat": 10, "dog": 10})
    night(started=False)
    _move_into_splits(images)
    night()


def test_run_of_an_earlier_version_is_compared_by_the_classes_of_files_that_stayed(
    tmp_path: Path, night: Night
) -> None:
    images = tmp_path / "images"
    for split in ("Training", "Testing"):
        write_classes(images / split, {"cat": 10, "dog": 10}, first=100 * len(split))
    first = night(splits=False)  # as every version did until now
    record = storage.read_json(first.catalogue_record)
    storage.write_json(first.catalogue_record, {key: record[key] for key in record if key not in ("layout", "read_as")})
    config = storage.read_json(first.config)
    config["data"] = {key: config["data"][key] for key in ("source", "image_size", "channels", "holdout")}
    storage.write_json(first.config, config)
    with pytest.raises(InputError, match=re.compile("the classes Testing, Training.*the classes cat, dog", re.DOTALL)):
        night()


def test_other_settings_are_another_reading_on_purpose(tmp_path: Path, night: Night) -> None:
    images = tmp_path / "images"
    for split in ("train", "test"):
        write_classes(images / split, {"cat": 10, "dog": 10}, first=100 * len(split))
    night(splits=False)
    night(splits={"train": "train"})


def test_check_stops_too(tmp_path: Path, night: Night, dcgan: Callable[..., Any]) -> None:
    images = write_classes(tmp_path / "images", {"cat": 30, "dog": 30})
    (tmp_path / "job.yaml").write_text(
        "name: j\ndata: {source: images, holdout: 0.5}\noutputs: {root: out}\ngeneration: {per_class: 5}\n"
    )
    night()
    assert dcgan("check", tmp_path / "job.yaml", "--no-timing").returncode == 0
    write_noise(images / "cat" / "new.png", 99)
    assert dcgan("check", tmp_path / "job.yaml", "--no-timing").returncode == 0
    _move_into_splits(images)
    done = dcgan("check", tmp_path / "job.yaml", "--no-timing")
    assert done.returncode == 2 and "would be read now as" in done.stderr


def test_damaged_record_of_the_last_run_ends_nothing(tmp_path: Path, night: Night) -> None:
    write_classes(tmp_path / "images", {"cat": 10, "dog": 10})
    night().catalogue_record.write_text("{")
    night()
    assert DataConfig(source="x").splits is None
