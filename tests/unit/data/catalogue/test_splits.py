"""What a split is called, in folders and in tables."""

from __future__ import annotations

import pytest

from dcgan.data.catalogue import splits
from dcgan.data.catalogue.splits import Role


@pytest.mark.parametrize(
    ("name", "role"),
    [
        *((name, Role.TRAIN) for name in ("train", "Training", "TRAIN_SET", "trainset", "Final_Training")),
        *((name, Role.VALIDATION) for name in ("val", "valid", "Validation", "val2017", "dev", "validation_data")),
        *((name, Role.TEST) for name in ("test", "Testing", "testSet", "PrivateTest", "evaluation", "test 1")),
        *((name, Role.OTHER) for name in ("unlabeled", "extra", "seg_pred")),
        ("trainval", Role.TRAIN), ("train_val", Role.TRAIN),
        *((name, None) for name in ("cat", "bullet train", "test tube", "trainer", "X_train", "001", "", "testimony")),
    ],
)  # fmt: skip
def test_role_of_a_name(name: str, role: Role | None) -> None:
    assert splits.role(name) is role


def test_old_names_stay_and_others_are_called_by_what_they_are_for() -> None:
    assert splits.names(["Train", "valid"]) == {"Train": "train", "valid": "valid"}
    assert splits.names(["Training", "Testing"]) == {"Training": "train", "Testing": "test"}
    assert splits.names(["train", "Testing", "test"]) == {"train": "train", "Testing": "testing", "test": "test"}
    assert splits.names(["train", "training"]) is None


@pytest.mark.parametrize(
    ("wanted", "found", "meant"),
    [
        ("test", ["train", "test"], "test"), ("Test", ["train", "test"], "test"), ("val", ["valid"], "valid"),
        ("Testing", ["train", "test"], "test"), ("test", ["a", "b"], None), ("test", ["a_test", "b_test"], None),
    ],
)  # fmt: skip
def test_split_that_is_meant(wanted: str, found: list[str], meant: str | None) -> None:
    assert splits.find(wanted, found) == meant


def test_containers_are_called_as_any_source_may_be() -> None:
    assert all(map(splits.is_container, ("images", "Images", "raw_data", "JPEGImages", "dataset1")))
    assert not any(map(splits.is_container, ("cat", "001", "new", "image of cats", "")))
