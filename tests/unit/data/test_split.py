"""Which side an image is on follows from its pixels, and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dcgan.config import DataConfig, JobConfig, ResolvedJob
from dcgan.data.catalogue import build_catalogue, scan
from dcgan.data.split import (
    HOLDOUT,
    MIN_TRAIN,
    TRAIN,
    VALIDATION_SHARE,
    assign,
    in_fold,
    labels_with_images,
    load_training,
    load_validation,
    make_split,
    plan_split,
    read_split,
)
from dcgan.errors import InputError
from dcgan.execution.progress import no_report
from dcgan.files import storage
from dcgan.run.paths import Run
from dcgan.run.records import ClassSplit, ClassState, SplitRecord
from tests.conftest import split_run, write_digits
from tests.samples import noise, write_classes, write_noise

digests = st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), unique=True, min_size=1, max_size=30)


def catalogue(hashes: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"image_sha256": hashes, "label": "cat", "split": "", "verdict": "accepted"})


def sides(source: Path, **data: Any) -> dict[bytes, str]:
    """Side of each accepted picture, by its pixels."""
    table, _ = scan(DataConfig(source=str(source), **data))
    assigned = assign(table, data.get("holdout", 0.2))
    return dict(zip(assigned["image_sha256"], assigned["split"], strict=True))


def job(source: Path, **data: Any) -> ResolvedJob:
    return JobConfig(name="j", data=DataConfig(source=str(source), **data)).resolve(source.parent)


def planned(source: Path, **data: Any) -> SplitRecord:
    config = job(source, **data)
    return plan_split(config, *scan(config.data))


def opened_run(tmp_path: Path, config: ResolvedJob) -> Run:
    run = Run(tmp_path / "out" / "runs" / "1")
    run.root.mkdir(parents=True)
    build_catalogue(run, config, no_report)
    return run


@given(digests, digests, st.floats(0.01, 0.99))
def test_side_of_an_image_does_not_change_when_others_come_or_go(one: list[str], more: list[str], share: float) -> None:
    alone = assign(catalogue(one), share)
    together = assign(catalogue(list(dict.fromkeys(more + one))), share).set_index("image_sha256")["split"]
    assert list(alone["split"]) == list(together[one])


@given(digests, st.floats(0.01, 0.98))
def test_larger_share_holds_out_what_the_smaller_one_did_and_more(hashes: list[str], share: float) -> None:
    smaller, larger = (assign(catalogue(hashes), value)["split"] == HOLDOUT for value in (share, share + 0.01))
    assert (larger | ~smaller).all()


def test_share_is_kept_over_many_images() -> None:
    hashes = [storage.sha256_bytes(f"{number}".encode()) for number in range(5000)]
    assert abs((assign(catalogue(hashes), 0.2)["split"] == HOLDOUT).mean() - 0.2) < 0.02


def test_renaming_reencoding_and_adding_changes_no_side(tmp_path: Path) -> None:
    before = sides(write_classes(tmp_path / "1", {"cat": 40, "dog": 40}))
    assert set(before.values()) == {TRAIN, HOLDOUT}
    changed = write_classes(tmp_path / "2", {"cat": 40, "dog": 40})
    for number, file in enumerate(sorted(changed.rglob("*.png"))):
        Image.open(file).save(file.with_name(f"{99 - number}.tiff"))
        file.unlink()
    write_classes(changed / "dog", {"more": 30}, first=1000)
    after = sides(changed)
    assert len(after) == len(before) + 30
    assert before.items() <= after.items()


def test_copies_never_stand_on_both_sides(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 40, "dog": 40})
    for file in sorted((tmp_path / "cat").iterdir()):
        Image.open(file).save(file.with_suffix(".bmp"))
    table, _ = scan(DataConfig(source=str(tmp_path)))
    assigned = assign(table, 0.2)
    assert len(assigned) == 80 and assigned["image_sha256"].is_unique


def test_named_split_is_held_out_as_it_stands(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 10, "dog": 10})
    write_classes(tmp_path / "test", {"cat": 3, "dog": 3}, first=100)
    record = planned(tmp_path, holdout="test")
    assert record.classes["cat"] == ClassSplit(train=10, holdout=3, state=ClassState.OK)


def test_images_that_name_no_split_are_trained_on_beside_a_named_holdout() -> None:
    table = catalogue(["a", "b", "c"]).assign(split=["", "train", "test"])
    assert list(assign(table, "test")["split"]) == [TRAIN, TRAIN, HOLDOUT]


def test_class_with_too_few_images_is_refused_with_its_figures_and_the_rest_goes_on(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 40, "dog": 40, "three": 3, "none": 0})
    (tmp_path / "three" / "cut.png").write_bytes(b"")
    classes = planned(tmp_path).classes
    assert (classes["cat"].state, classes["dog"].state) == (ClassState.OK, ClassState.OK)
    assert (classes["three"].state, classes["none"].state) == (ClassState.REFUSED, ClassState.REFUSED)
    assert classes["none"].reason == f"0 training images, at least {MIN_TRAIN} are needed"
    assert "1 of 4 files left out" in classes["three"].reason
    assert f"{classes['three'].train} training images" in classes["three"].reason


@pytest.mark.parametrize(
    ("counts", "holdout", "told"),
    [
        ({"cat": 4, "dog": 4}, 0.2, "no class has enough real images"),
        ({"cat": 0, "dog": 20}, "test", "fewer than two classes have training images"),
    ],
)
def test_job_that_nothing_can_be_trained_of_is_refused(
    tmp_path: Path, counts: Mapping[str, int], holdout: float | str, told: str
) -> None:
    write_classes(tmp_path / "train", counts)
    write_classes(tmp_path / "test", {"cat": 3, "dog": 3}, first=100)
    with pytest.raises(InputError, match=told):
        planned(tmp_path, holdout=holdout)


def test_copies_of_held_out_images_are_named_where_nothing_is_left_to_train_on(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_classes(tmp_path / split, {"cat": 20, "dog": 20})
    with pytest.raises(InputError, match=r"no class has enough real images.*Left out: 40 duplicate of another file"):
        planned(tmp_path, holdout="test")


def test_split_of_a_run_holds_the_pixels_of_every_class_and_side(tmp_path: Path) -> None:
    label = "../é"
    source = write_classes(tmp_path / "images", {"cat": 20, "dog": 20})
    rows = [
        f"{file.relative_to(source)},{label if n % 2 else 'cat'}"
        for n, file in enumerate(sorted(source.rglob("*.png")))
    ]
    (source / "t.csv").write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    config = job(source / "t.csv", holdout=0.3)
    run = opened_run(tmp_path, config)
    record = make_split(run, config)
    table = pd.read_parquet(run.split_table)
    assert labels_with_images(run) == sorted(["cat", label])
    for name, entry in record.classes.items():
        sides = (TRAIN, run.train_images(name), entry.train), (HOLDOUT, run.holdout_images(name), entry.holdout)
        for side, file, count in sides:
            images = np.load(file)
            of_side = table[(table["label"] == name) & (table["split"] == side)].sort_values("row")
            assert len(images) == count > 0
            assert of_side["row"].to_list() == list(range(len(images)))
            for path, image in zip(of_side["path"], images, strict=True):
                np.testing.assert_array_equal(np.asarray(Image.open(source / path)), image)


def test_split_is_read_anew_as_it_was(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "images", {"cat": 20, "dog": 20, "none": 0})
    config = job(source)
    run = opened_run(tmp_path, config)
    make_split(run, config)
    assert labels_with_images(run) == ["cat", "dog"]
    for side, place in ((TRAIN, run.train_images), (HOLDOUT, run.holdout_images)):
        images, labels = read_split(config.data, (12, 10, 3), side)
        for label in ("cat", "dog"):
            of_label = images[[name == label for name in labels]]
            np.testing.assert_array_equal(of_label, np.load(place(label)))


def test_side_that_nothing_is_on_is_empty_and_keeps_its_shape(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 3, "dog": 3})
    images, labels = read_split(DataConfig(source=str(tmp_path), holdout=1e-9), (12, 10, 3), HOLDOUT)
    assert images.shape == (0, 12, 10, 3) and labels == []


@pytest.mark.parametrize("listed", ["folder", "table"])
@pytest.mark.parametrize("gone", [True, False])
def test_image_that_changes_under_a_run_is_told_and_no_half_split_is_left(
    tmp_path: Path, gone: bool, listed: str
) -> None:
    source = write_classes(tmp_path / "images", {"cat": 20, "dog": 20})
    rows = [f"{file.relative_to(source)},{file.parent.name}\n" for file in source.rglob("*.png")]
    (tmp_path / "images" / "t.csv").write_text("path,label\n" + "".join(rows))
    config = job(source if listed == "folder" else source / "t.csv")
    run = opened_run(tmp_path, config)
    if gone:
        (source / "cat" / "007.png").unlink()
    else:
        write_noise(source / "cat" / "007.png", 999)
    with pytest.raises(InputError, match=r"cat/007\.png .*(is gone now|is not now|changed while)"):
        make_split(run, config)
    assert not run.split.exists()


def test_images_are_converted_to_the_jobs_shape(tmp_path: Path) -> None:
    source = write_classes(tmp_path / "images", {"cat": 20, "dog": 20})
    config = job(source, image_size=(16, 9), channels=1)
    run = opened_run(tmp_path, config)
    make_split(run, config)
    assert np.load(run.train_images("cat")).shape[1:] == (16, 9, 1)
    assert noise(0).shape == (12, 10, 3)


def test_images_held_in_are_neither_trained_on_nor_held_out(tmp_path: Path) -> None:
    write_digits(tmp_path / "images", {0: 170, 1: 50})
    run, _ = split_run(tmp_path)
    large, small = load_training(run, ["0", "1"])
    validation = np.concatenate(load_validation(run, "0"))
    held_out = np.load(run.holdout_images("0"))
    parts = [{image.tobytes() for image in part} for part in (large, validation, held_out)]
    assert all(parts)
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert len(validation) == round(VALIDATION_SHARE * len(np.load(run.train_images("0"))))
    assert {image.tobytes() for image in np.concatenate(load_validation(run, "1"))} == {
        image.tobytes() for image in small
    }


@pytest.mark.parametrize("label", ["0", "1"])
def test_a_judge_scores_beside_images_that_it_has_not_seen(tmp_path: Path, label: str) -> None:
    write_digits(tmp_path / "images", {0: 170, 1: 50})
    run, _ = split_run(tmp_path)
    images = np.load(run.train_images(label))
    for fold, validation in enumerate(load_validation(run, label)):
        seen = {image.tobytes() for image in images[~in_fold(len(images), fold)]}
        assert len(validation) > 1 and not seen & {image.tobytes() for image in validation}
