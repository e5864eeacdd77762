"""Every file is opened once, used or left out with its reason, and never touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dcgan.config import DataConfig, JobConfig
from dcgan.data.catalogue import build_catalogue, opening, reasons, scan
from dcgan.data.catalogue.reasons import HIDDEN, NO_CLASS
from dcgan.errors import InputError
from dcgan.execution.progress import Progress, no_report
from dcgan.generation.png import encode
from dcgan.run.paths import Run
from dcgan.run.records import CatalogueRecord, ClassFiles
from tests.samples import noise, tree_hash, write_classes, write_noise


def scanned(source: Path, **data: Any) -> tuple[pd.DataFrame, CatalogueRecord]:
    """Table by path, and record."""
    table, record = scan(DataConfig(source=str(source), **data))
    return table.set_index("path"), record


def refusal(source: Path, **data: Any) -> str:
    with pytest.raises(InputError) as refused:
        scan(DataConfig(source=str(source), **data))
    return str(refused.value)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two classes of ten pictures."""
    return write_classes(tmp_path / "images", {"cat": 10, "dog": 10})


def _as_tiff(file: Path) -> None:
    Image.fromarray(noise(0)).save(file, "TIFF")  # picture 0 is cat/000.png


def _as_synthetic(file: Path) -> None:
    file.write_bytes(encode(noise(500), job="j", label="cat", index=0, model_sha256="0"))


def _as_synthetic_of_another_tool(file: Path) -> None:
    xmp = b"<x:xmpmeta>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</x:xmpmeta>"
    Image.fromarray(noise(501)).save(file, "JPEG", xmp=xmp)


# What stands in a folder of images at night, by the reason that it is left out for.
ODD_FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "zero bytes": (reasons.EMPTY, lambda file: file.write_bytes(b"")),
    "truncated": (
        reasons.DAMAGED, lambda file: file.write_bytes(write_noise(file, 502, 64, 64).read_bytes()[:5000]),
    ),
    "text": (reasons.DAMAGED, lambda file: file.write_text("notes")),
    "noise": (reasons.DAMAGED, lambda file: file.write_bytes(noise(1).tobytes())),
    "broken link": (reasons.DAMAGED, lambda file: file.symlink_to("nowhere")),
    "link to itself": (reasons.DAMAGED, lambda file: file.symlink_to(file)),
    "copy": (reasons.DUPLICATE, lambda file: write_noise(file, 0)),
    "another format": (reasons.DUPLICATE, _as_tiff),
    "another label": (reasons.TWO_LABELS, lambda file: write_noise(file, 10)),
    "not a number": (
        reasons.UNUSABLE, lambda file: Image.fromarray(np.full((12, 10), np.nan, np.float32)).save(file, "TIFF"),
    ),
    "another size": (reasons.ODD_SIZE, lambda file: write_noise(file, 503, 40, 10)),
    "synthetic": (reasons.SYNTHETIC, _as_synthetic),
    "synthetic of another tool": (reasons.SYNTHETIC, _as_synthetic_of_another_tool),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD_FILES)
def test_odd_file_is_left_out_by_its_reason_and_the_rest_is_used(tmp_path: Path, kind: str) -> None:
    source = write_classes(tmp_path / "images", {"cat": 10, "dog": 21})
    reason, write = ODD_FILES[kind]
    write(source / "cat" / "odd.png")
    table, record = scanned(source)
    assert table.loc["cat/odd.png", ["verdict", "reason"]].to_list() == [opening.QUARANTINED, reason]
    both = kind == "another label"  # nobody knows which of the two is right
    assert record.reasons == {reason: 2 if both else 1}
    assert record.classes == {
        "cat": ClassFiles(files=11, accepted=10), "dog": ClassFiles(files=21, accepted=21 - both),
    }  # fmt: skip
    assert {"path", "reason"} == set(record.examples[0].model_dump())


def test_hidden_and_loose_files_are_counted_by_their_reason(images: Path) -> None:
    (images / ".DS_Store").write_bytes(b"x")
    write_noise(images / "loose.png", 99)
    assert scanned(images)[1].reasons == {HIDDEN: 1, NO_CLASS: 1}


def test_inputs_are_not_changed(images: Path) -> None:
    for name, (_, write) in ODD_FILES.items():
        if "link" not in name and name != "another size":
            write(images / "cat" / f"{name}.png")
    before = tree_hash(images)
    assert len(before) > 25
    scanned(images)
    assert tree_hash(images) == before


def test_file_that_a_table_lists_twice_is_used_once(images: Path) -> None:
    rows = [f"{label}/{n:03d}.png,{label},train\n" for label in ("cat", "dog") for n in range(10)]
    (images / "t.csv").write_text("path,label,split\n" + "".join(rows) + "cat/000.png,cat,test\ndog/000.png,dog,test\n")
    table, _ = scanned(images / "t.csv", holdout="test")
    both = table.loc["cat/000.png", ["split", "verdict"]].to_numpy().tolist()
    assert both == [["train", "quarantined"], ["test", "accepted"]]


def test_copy_of_a_held_out_image_leaves_training_and_not_the_holdout(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 10, "dog": 10})
    write_classes(tmp_path / "test", {"cat": 10, "dog": 10})  # the same pictures
    table, _ = scanned(tmp_path, holdout="test")
    assert (table["verdict"].eq("accepted") == table["split"].eq("test")).all()


def test_images_of_splits_that_the_job_does_not_use_are_unused_and_not_quarantined(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "val", "test")):
        write_classes(tmp_path / split, {"cat": 5, "dog": 5}, first=100 * number)
    _, record = scanned(tmp_path, holdout="test")
    assert record.unused == {"val": 10} and record.reasons == {}
    assert record.classes["cat"] == ClassFiles(files=15, accepted=10)


@pytest.mark.parametrize(("with_splits", "told"), [(True, "it has train, val"), (False, "it has no splits")])
def test_unknown_split_to_hold_out_is_refused_with_those_there_are(
    tmp_path: Path, with_splits: bool, told: str
) -> None:
    for split in ("train", "val") if with_splits else (".",):
        write_classes(tmp_path / split, {"cat": 2, "dog": 2})
    message = refusal(tmp_path, holdout="test")
    assert "'test'" in message and told in message


def test_widely_mixed_sizes_are_refused_with_the_extremes_and_resized_when_asked(images: Path) -> None:
    write_noise(images / "dog" / "small.png", 98, 9, 8)
    for number in range(3):
        write_noise(images / "cat" / f"large{number}.png", 90 + number, 100, 200)
    message = refusal(images)
    for part in ("9 x 8 px (dog/small.png)", "100 x 200 px (cat/large", "data.image_size"):
        assert part in message
    _, record = scanned(images, image_size=(16, 24))
    assert record.image_size == (16, 24) and record.classes["cat"].accepted == 13


@pytest.mark.parametrize("size", [(7, 12), (12, 257)])
def test_sizes_that_no_network_takes_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    for number, label in enumerate(("cat", "dog")):
        write_noise(tmp_path / label / "a.png", number, *size)
    assert f"{size[0]} x {size[1]} px" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({}, "no usable image"),
        ({"cat": 0, "dog": 0}, "no usable image"),
        ({"cat": 5, "dog": 0}, "one class only, 'cat'"),
    ],
)
def test_fewer_than_two_classes_are_refused(tmp_path: Path, counts: dict[str, int], told: str) -> None:
    message = refusal(write_classes(tmp_path, counts))
    assert told in message and "At least two classes" in message


def test_folder_with_tables_in_it_is_refused_with_the_one_to_name(tmp_path: Path) -> None:
    """As competitions have them: a table beside a folder of images that says nothing of classes."""
    for number in range(4):
        write_noise(tmp_path / "train" / f"{number}.png", number, 12, 12)
    for name in ("sample_submission.csv", "train.csv"):
        (tmp_path / name).write_text("image_id,target\n")
    told = f"To read a table (sample_submission.csv and train.csv), name the file: {tmp_path / 'train.csv'}."
    assert told in refusal(tmp_path)


def test_classes_of_damaged_files_only_are_refused_with_the_reasons(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "a.png").write_bytes(b"")
    assert "2 empty file" in refusal(tmp_path)


def test_empty_class_folder_stays_in_the_record(images: Path) -> None:
    (images / "rare").mkdir()
    assert scanned(images)[1].classes["rare"] == ClassFiles(files=0, accepted=0)


def test_class_name_too_long_for_a_file_is_left_out(images: Path) -> None:
    label = "長" * 80  # 240 bytes: the system takes it, a file named after it would not fit
    write_noise(images / label / "a.png", 99)
    table, _ = scanned(images)
    assert table.loc[f"{label}/a.png", "reason"] == reasons.NAME_TOO_LONG


def test_channels_follow_the_images_and_the_config_goes_before(tmp_path: Path) -> None:
    for number in range(20):
        write_noise(tmp_path / "cat" / f"{number}.png", number, channels=1)
        write_noise(tmp_path / "dog" / f"{number}.png", 50 + number, channels=1)
    assert scanned(tmp_path)[1].channels == 1
    assert scanned(tmp_path, channels=3)[1].channels == 3
    write_noise(tmp_path / "dog" / "colour.png", 99)
    assert scanned(tmp_path)[1].channels == 3
    assert scanned(tmp_path, channels=1)[1].channels == 1


def test_progress_ends_with_all_files(images: Path) -> None:
    told: list[Progress] = []
    scan(DataConfig(source=str(images)), told.append)
    assert told[-1] == {"stage": "catalogue", "done": 20, "total": 20, "unit": "files"}


def test_catalogue_of_a_run_is_made_once(images: Path, tmp_path: Path) -> None:
    run = Run(tmp_path / "out" / "runs" / "1")
    run.root.mkdir(parents=True)
    config = JobConfig(name="j", data=DataConfig(source=str(images))).resolve(tmp_path)
    record = build_catalogue(run, config, no_report)
    assert len(pd.read_parquet(run.catalogue_table)) == 20
    write_noise(images / "cat" / "new.png", 99)
    assert build_catalogue(run, config, no_report) == record  # a resumed run goes on with what it began with
