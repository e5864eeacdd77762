"""A folder per class, with splits or without: classes as the folders are called, and nothing guessed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dcgan.config import DataConfig
from dcgan.data.catalogue import scan
from dcgan.data.catalogue.reasons import (
    HIDDEN,
    LISTED_TWICE,
    NO_CLASS,
    NO_SPLIT,
    NOT_UTF8,
    UNREADABLE,
)
from tests.samples import listed, refusal, source_of, write_classes, write_noise

# What spreadsheets, YAML and pandas take for something else, and names in other scripts.
NAMES = ["NA", "null", "None", "nan", "007", "1e5", "true", "no", "-1", "日本語", "père Noël", "🐈‍⬛", "a b", "مرحبا"]


def test_folder_per_class_gives_every_name_as_it_stands(tmp_path: Path) -> None:
    write_classes(tmp_path, dict.fromkeys(NAMES, 1))
    assert listed(tmp_path) == {f"{name}/000.png": (name, "", "") for name in NAMES}


def test_splits_above_the_classes_are_splits_whatever_their_case(tmp_path: Path) -> None:
    for split in ("Train", "val", "TEST"):
        write_classes(tmp_path / split, {"cat": 1, "dog": 1})
    assert listed(tmp_path)["TEST/dog/000.png"] == ("dog", "test", "")
    assert source_of(tmp_path).labels == ["cat", "dog"]


def test_class_called_train_beside_other_classes_is_asked_for(tmp_path: Path) -> None:
    write_classes(tmp_path, {"train": 1, "bus": 1})
    assert "data.splits: false" in refusal(tmp_path)
    entries = source_of(tmp_path, splits=False).entries
    assert {entry.path: (entry.label, entry.split, entry.problem) for entry in entries} == {
        "train/000.png": ("train", "", ""),
        "bus/000.png": ("bus", "", ""),
    }


def test_folders_within_a_class_belong_to_it(tmp_path: Path) -> None:
    write_noise(tmp_path / "cat" / "2024" / "may" / "a.png", 0)
    assert listed(tmp_path) == {"cat/2024/may/a.png": ("cat", "", "")}


def test_hidden_and_system_files_and_folders_are_told_and_make_no_class(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1})
    hidden = [
        ".DS_Store",
        "cat/.a.png.swp",
        "cat/Thumbs.db",
        ".git/config",
        "__MACOSX/cat/000.png",
        "cat/.cache/a.png",
        "cat/000.png~",
        "cat/~$000.png",
        "cat/001.png.BAK",
        "cat/002.png.part",
        "cat/Thumbnails/000.png",
    ]
    for name in hidden:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    source = source_of(tmp_path)
    assert {entry.path for entry in source.entries if entry.problem == HIDDEN} == set(hidden)
    assert source.labels == ["cat"]


def test_files_outside_class_folders_are_told(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1})
    write_noise(tmp_path / "loose.png", 5)
    assert listed(tmp_path)["loose.png"] == ("", "", NO_CLASS)


def test_empty_class_folder_is_a_class(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1, "rare": 0})
    assert source_of(tmp_path).labels == ["cat", "rare"]


def test_names_that_are_not_utf8_are_told_and_not_used(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1})
    content = (tmp_path / "cat" / "000.png").read_bytes()
    for name in (b"caf\xe9/a.png", b"cat/\xff.png"):  # Latin-1, as archives from elsewhere have it
        file = tmp_path / os.fsdecode(name)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    source = source_of(tmp_path)
    assert {entry.path for entry in source.entries if entry.problem == NOT_UTF8} == {
        "caf\\udce9/a.png", "cat/\\udcff.png",
    }  # fmt: skip
    assert source.labels == ["caf\\udce9", "cat"]
    for entry in source.entries:
        entry.path.encode()  # what a table can hold


def test_loops_of_links_end_and_linked_folders_are_read(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "images", {"cat": 1})
    (root / "cat" / "up").symlink_to(root, target_is_directory=True)
    (root / "self").symlink_to(root / "self")
    elsewhere = write_classes(tmp_path / "elsewhere", {"dog": 1})
    (elsewhere / "dog" / "back").symlink_to(root / "dog", target_is_directory=True)
    (root / "dog").symlink_to(elsewhere / "dog", target_is_directory=True)
    assert listed(root) == {
        "cat/000.png": ("cat", "", ""),
        "cat/up/": ("cat", "", LISTED_TWICE),
        "dog/000.png": ("dog", "", ""),
        "dog/back/": ("dog", "", LISTED_TWICE),
        "self": ("", "", NO_CLASS),
    }


@pytest.mark.parametrize("name", ["a kitten", "kitten"])  # before and after what it is a link to
def test_second_way_to_a_folder_is_told_and_the_first_stays(tmp_path: Path, name: str) -> None:
    write_classes(tmp_path, {"cat": 2, "dog": 1})
    (tmp_path / name).symlink_to("cat", target_is_directory=True)
    source = source_of(tmp_path)
    assert listed(tmp_path) == {
        "cat/000.png": ("cat", "", ""), "cat/001.png": ("cat", "", ""), "dog/000.png": ("dog", "", ""),
        f"{name}/": (name, "", LISTED_TWICE),
    }  # fmt: skip
    assert source.labels == sorted(["cat", "dog", name])


def test_every_class_may_be_a_link(tmp_path: Path) -> None:
    elsewhere = write_classes(tmp_path / "elsewhere", {"cat": 1, "dog": 1})
    (tmp_path / "images").mkdir()
    for label in ("cat", "dog"):
        (tmp_path / "images" / label).symlink_to(elsewhere / label, target_is_directory=True)
    assert listed(tmp_path / "images") == {f"{name}/000.png": (name, "", "") for name in ("cat", "dog")}


def test_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    write_classes(tmp_path, {"cat": 1})
    here = Path.cwd()
    try:
        os.chdir(tmp_path / "cat")
        for _ in range(20):  # deeper than a path can tell, which stops every user, root too
            Path("x" * 250).mkdir()
            os.chdir("x" * 250)
    finally:
        os.chdir(here)
    paths = listed(tmp_path)
    assert paths.pop("cat/000.png") == ("cat", "", "")
    [(path, told)] = paths.items()
    assert path.startswith("cat/xxx") and path.endswith("x/") and told == ("cat", "", UNREADABLE)
    assert scan(DataConfig(source=str(write_classes(tmp_path, {"dog": 1}, first=5))))[1].reasons == {UNREADABLE: 1}


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ({"Training": "train", "Testing": "test"}, {"train", "test"}),
        ({"train_set": "train", "test_set": "test"}, {"train", "test"}),
        ({"TRAIN": "train", "Valid": "valid", "TEST": "test"}, {"train", "valid", "test"}),
        ({"training": "train", "validation": "validation", "evaluation": "test"}, {"train", "validation", "test"}),
        ({"train2017": "train", "val2017": "val"}, {"train", "val"}),
        ({"seg_train": "train", "seg_test": "test", "seg_pred": "seg_pred"}, {"train", "test", "seg_pred"}),
        ({"Training": "train", "PublicTest": "publictest", "PrivateTest": "privatetest"},
         {"train", "publictest", "privatetest"}),
        ({"train": "train", "test": "test", "extra": "extra"}, {"train", "test", "extra"}),
    ],
)  # fmt: skip
def test_names_that_the_field_has_for_splits_are_splits(
    tmp_path: Path, folders: dict[str, str], expected: set[str]
) -> None:
    for number, folder in enumerate(folders):
        write_classes(tmp_path / folder, {"cat": 1, "dog": 1}, first=10 * number)
    found = listed(tmp_path)
    assert {split for _, split, _ in found.values()} == expected
    assert all(found[f"{folder}/cat/000.png"] == ("cat", split, "") for folder, split in folders.items())
    assert source_of(tmp_path).labels == ["cat", "dog"]


def test_images_without_labels_beside_splits_are_of_no_class(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_classes(tmp_path / split, {"cat": 1, "dog": 1})
    write_noise(tmp_path / "unlabeled" / "0.png", 50)
    assert source_of(tmp_path).labels == ["cat", "dog"]
    assert listed(tmp_path)["unlabeled/0.png"] == ("", "unlabeled", NO_CLASS)


def _within(*folders: str) -> list[str]:
    return [f"{folder}/{label}/{number}.png" for folder in folders for label in ("cat", "dog") for number in range(2)]


DOUBTFUL = {
    "a folder beside splits": ([*_within("train", "valid"), "models/stage-1.pth"], "{train: train, val: valid}"),
    "an empty folder beside splits": ([*_within("Train", "Test"), "rare/"], "{train: Train, test: Test}"),
    "a class called as a split": (["train/0.png", "bus/0.png"], "{train: train}"),
    "images without labels beside classes": (["cat/0.png", "dog/0.png", "unlabeled/0.png"], "train: FOLDER"),
    "a test folder beside classes": (["cat/0.png", "dog/0.png", "test/0.png"], "train: FOLDER"),
    "two to train on": (_within("train", "training", "test"), "{train: [train, training], test: test}"),
    "the same classes in several": (_within("left", "right"), "{train: left, test: right}"),
    "the same, below another folder": (_within("left/images", "right/new/images"), "{train: left, test: right}"),
    "names that differ in the split": (["trainA/0.png", "trainB/0.png", "testA/0.png", "testB/0.png"], "trainA"),
    "splits within classes": ([f"{label}/{split}/0.png" for label in "ab" for split in ("train", "test")],
                              "{train: train, test: test}"),
    "the same, one split alone": ([f"{label}/train/2024/0.png" for label in "ab"], "{train: train"),
    "the set twice": ([*_within(".", "plants")], "plants/ contains folders that also exist beside it, cat and dog"),
    "images beside masks": (_within("images", "masks"), "images"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_can_be_read_in_two_ways_is_refused_with_the_setting_that_says_which(tmp_path: Path, kind: str) -> None:
    paths, told = DOUBTFUL[kind]
    for number, path in enumerate(paths):
        if path.endswith(".png"):
            write_noise(tmp_path / path, number)
        else:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).mkdir() if path.endswith("/") else (tmp_path / path).write_bytes(b"x")
    message = refusal(tmp_path)
    assert told in message and "data.splits: false" in message
    # And it can be said: every folder at the top is a class.
    tops = {path.removeprefix("./").split("/")[0] for path in paths}
    assert set(source_of(tmp_path, splits=False).labels) == tops


def test_valid_beside_invalid_is_a_class(tmp_path: Path) -> None:
    write_classes(tmp_path, {"valid": 1, "invalid": 1})
    assert source_of(tmp_path).labels == ["invalid", "valid"]


def test_class_whose_name_holds_a_word_for_splits_is_a_class(tmp_path: Path) -> None:
    names = {"bullet train": 1, "test tube": 1, "trainer": 1, "developer": 1}
    assert source_of(write_classes(tmp_path, names)).labels == sorted(names)


def test_splits_that_the_job_names_are_the_splits_and_the_rest_is_left_out(tmp_path: Path) -> None:
    for number, folder in enumerate(("Fit", "more", "judge")):
        write_classes(tmp_path / folder, {"cat": 1, "dog": 1}, first=10 * number)
    write_noise(tmp_path / "models" / "a.png", 50)
    found = listed(tmp_path, splits={"train": ["fit", "more"], "test": "judge"})
    assert found["Fit/cat/000.png"] == ("cat", "train", "") and found["more/dog/000.png"] == ("dog", "train", "")
    assert found["judge/cat/000.png"] == ("cat", "test", "") and found["models/a.png"] == ("", "", NO_SPLIT)
    assert "but the folders are" in refusal(tmp_path, splits={"train": "Fit", "test": "tset"})


def test_splits_that_the_job_names_may_stand_below_the_classes(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        write_classes(tmp_path / label, {"train": 2, "test": 1, "old": 1}, first=10 * len(label))
    source = source_of(tmp_path, splits={"train": "train", "test": "test"})
    assert source.reading.title == "folder per class and split" and source.labels == ["cat", "dog"]
    found = {entry.path: (entry.label, entry.split, entry.problem) for entry in source.entries}
    assert found["cat/train/000.png"] == ("cat", "train", "") and found["dog/test/000.png"] == ("dog", "test", "")
    assert found["cat/old/000.png"] == ("", "", NO_SPLIT)


@pytest.mark.parametrize("outer", ["images", "data/raw_images", "images/images"])
def test_classes_within_a_folder_of_images_are_found(tmp_path: Path, outer: str) -> None:
    write_classes(tmp_path / outer, {"cat": 1, "dog": 1})
    (tmp_path / "README.md").write_text("a set")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "note.txt").write_text("no image")
    source = source_of(tmp_path)
    assert source.labels == ["cat", "dog"] and f"in {outer}/" in source.reading.in_words(source.entries)
    assert listed(tmp_path)[f"{outer}/cat/000.png"] == ("cat", "", "")


@pytest.mark.parametrize(
    "layout", ["train/{label}/images/{n}.JPEG", "seg_train/seg_train/{label}/{n}.jpg", "ds/train/{label}/{n}.png"]
)
def test_imagenets_layout_and_splits_within_folders_are_read(tmp_path: Path, layout: str) -> None:
    root = tmp_path / "ds"
    for number, split in enumerate(("train", "val")):
        for label in ("n01", "n02"):
            path = layout.replace("train", split).format(label=label, n=number)
            write_noise(root / path, 10 * number + int(label[1:]))
    write_noise(root / layout.partition("{label}")[0].replace("train", "test") / "images" / "0.png", 99)
    source = source_of(root)
    assert source.labels == ["n01", "n02"] and source.reading.title == "folder per split and class"
    assert {entry.split for entry in source.entries if entry.label} == {"train", "val"}
    assert [entry.problem for entry in source.entries if not entry.label] == [NO_CLASS]


SYSTEMS_OWN = [
    "@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg", "#recycle/0.png", "System Volume Information/0.png", "lost+found/0.png",
    "ehthumbs.db", ".ipynb_checkpoints/0.png", "@Recycle/0.png", "@Recently-Snapshot/0.png", "RECYCLER/0.png",
    ".@__thumb/0.png", ".Trash-1000/0.png", "Network Trash Folder/0.png", "~snapshot/0.png", "__pycache__/0.png",
    "0.png@SynoEAStream", "Icon\r", "Picasa.ini", "found.000/0.png",
]  # fmt: skip


@pytest.mark.parametrize("name", SYSTEMS_OWN)
def test_thumbnails_and_recycle_bins_are_no_images(tmp_path: Path, name: str) -> None:
    write_classes(tmp_path, {"cat": 1, "dog": 1})
    for number, place in enumerate(("", "cat/")):
        file = tmp_path / f"{place}{name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(write_noise(tmp_path / "some.png", 50 + number).read_bytes())
    found = listed(tmp_path)
    assert {found[name][2], found[f"cat/{name}"][2]} == {HIDDEN} and source_of(tmp_path).labels == ["cat", "dog"]
