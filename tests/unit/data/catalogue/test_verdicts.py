"""Duplicates, conflicts and unused splits: counted as they are, on every catalogue that can be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan.config import DataConfig
from dcgan.data.catalogue import scan
from dcgan.data.catalogue.reasons import DUPLICATE, TWO_LABELS
from dcgan.data.catalogue.verdicts import leave_out_unused_splits, quarantine_duplicates
from dcgan.errors import InputError
from tests.samples import write_classes, write_noise

rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.sampled_from(["", "train", "test"]), st.booleans()),
    max_size=20,
)


def table_of(some: list[tuple[str, int, str, bool]]) -> pd.DataFrame:
    """A catalogue of rows: class, picture, split, and whether it could be read."""
    return pd.DataFrame(
        {
            "path": [f"{number}.png" for number in range(len(some))],
            "label": [label for label, *_ in some],
            "image_sha256": [str(picture) for _, picture, _, _ in some],
            "split": [split for *_, split, _ in some],
            "verdict": ["accepted" if sound else "quarantined" for *_, sound in some],
            "reason": "",
            "detail": "",
        }
    )


@given(rows, st.sampled_from([0.2, "test"]))
@settings(deadline=None)
def test_each_picture_is_kept_once_or_not_at_all_where_classes_claim_it(
    some: list[tuple[str, int, str, bool]], holdout: float | str
) -> None:
    table = table_of(some)
    quarantine_duplicates(table, holdout)
    of_picture: dict[int, list[int]] = {}
    for number, (_, picture, _, sound) in enumerate(some):
        if sound:
            of_picture.setdefault(picture, []).append(number)
    for numbers in of_picture.values():
        found = table.loc[numbers, ["verdict", "reason"]].to_numpy().tolist()
        if len({some[number][0] for number in numbers}) > 1:
            assert all(one == ["quarantined", TWO_LABELS] for one in found)
            continue
        kept = [number for number, one in zip(numbers, found, strict=True) if one == ["accepted", ""]]
        assert len(kept) == 1 and Counter(map(tuple, found))["quarantined", DUPLICATE] == len(numbers) - 1
        held_out = [number for number in numbers if some[number][2] == holdout]
        assert kept == (held_out or numbers)[:1]
        assert set(table.loc[numbers, "detail"]) <= {"", f"of {kept[0]}.png"}


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"cat": "01234", "dog": "56789", "all": "0123456789"}, "Class all contains the images of all others"),
        ({"cat": "01234", "dog": "56789", "pets": "01234"}, "Classes cat and pets contain the same images"),
        ({"cat": "01234", "dog": "56789", "pets": "01234abc"}, "Class pets contains the images of cat (5 of 5)"),
        ({"cat": "01234", "dog": "456789"}, ""),
    ],
)
def test_class_that_holds_another_is_told(counts: dict[str, str], told: str) -> None:
    some = [(label, ord(one), "", True) for label, pictures in counts.items() for one in pictures]
    warnings = quarantine_duplicates(table_of(some), 0.2)
    assert (told in warnings[0]) if told else not warnings


def test_picture_in_very_many_classes_takes_no_room() -> None:
    some = [(f"class {number}", 0, "", True) for number in range(20_000)]
    assert not quarantine_duplicates(table_of(some), 0.2)


@pytest.mark.parametrize(
    ("holdout", "found"), [("test", "test"), ("Test", "Test"), ("Testing", "Testing"), ("valid", None), ("x", None)]
)
def test_split_to_hold_out_may_be_called_as_its_folder_is(holdout: str, found: str | None) -> None:
    table = table_of([("a", 0, "train", True), ("a", 1, "test", True)])
    if found is None:
        with pytest.raises(InputError, match="it has test, train"):
            leave_out_unused_splits(table, holdout)
    else:
        leave_out_unused_splits(table, holdout)
        assert table["split"].to_list() == ["train", found] and set(table["verdict"]) == {"accepted"}


def refusal(source: Path, **data: Any) -> str:
    with pytest.raises(InputError) as refused:
        scan(DataConfig(source=str(source), **data))
    return str(refused.value)


def test_set_whose_every_image_has_two_labels_is_counted_and_explained(tmp_path: Path) -> None:
    for label, first in (("cat", 0), ("dog", 5)):
        write_classes(tmp_path, {label: 5}, first=first)
    write_classes(tmp_path, {"all": 10})
    message = refusal(tmp_path)
    assert "in 20 files and 3 classes (left out: 20 same image under several labels)" in message
    assert "Class all contains the images of all others" in message


def test_no_usable_image_names_the_splits_that_are_not_used(tmp_path: Path) -> None:
    for split in ("test", "val"):
        write_classes(tmp_path / split, {"cat": 2, "dog": 2}, first=10 * len(split))
    assert "(not used: 4 of split test, 4 of split val). Training needs images of the split train" in refusal(tmp_path)


def test_split_that_trains_is_asked_for_where_only_held_out_images_are_left(tmp_path: Path) -> None:
    rows = []
    for number, split in enumerate(("part1", "part2")):
        write_classes(tmp_path / split, {"cat": 2, "dog": 2}, first=10 * number)
        rows += [f"{split}/{label}/{n:03d}.png,{label},{split}\n" for label in ("cat", "dog") for n in range(2)]
    (tmp_path / "t.csv").write_text("path,label,split\n" + "".join(rows))
    message = refusal(tmp_path / "t.csv", holdout="part2")
    assert "no image to train on" in message and "not used: 4 of split part1" in message and "data.splits" in message
    data = DataConfig(source=str(tmp_path / "t.csv"), holdout="part2", splits={"train": "part1", "part2": "part2"})
    assert scan(data)[1].classes["cat"].accepted == 4


def test_reason_of_a_set_without_images_says_what_its_files_are(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(3):
            (tmp_path / label / f"{number}.png").write_text(
                f"version https://git-lfs.github.com/spec/v1\nsize {number}\n"
            )
    assert "6 not an image, or damaged (a Git LFS pointer in place of the image: run git lfs pull)" in refusal(tmp_path)


def test_class_in_an_unused_split_alone_is_no_class(tmp_path: Path) -> None:
    for split, classes in (("train", ("cat", "dog")), ("val", ("cat", "bird")), ("test", ("cat", "fish"))):
        write_classes(tmp_path / split, dict.fromkeys(classes, 3), first=10 * len(split))
    (tmp_path / "val" / "empty").mkdir()
    (tmp_path / "train" / "rare").mkdir()
    write_noise(tmp_path / "val" / "bird" / "cut.png", 99).write_bytes(b"")
    data = DataConfig(source=str(tmp_path))
    assert list(scan(data)[1].classes) == ["cat", "dog", "rare"]
    assert list(scan(data.model_copy(update={"holdout": "test"}))[1].classes) == ["cat", "dog", "fish", "rare"]
