"""Whatever the field lays out and leaves lying about, what trains is what was meant, or the job is refused.

Each case is a meaning (which picture is of which class and split), written down in a way that is drawn: folders,
tables, metadata, arrays or Parquet, with other files, folders and links among them. A case is right when the pictures
that would be used are those that were meant, each with its class and side; it is refused when the source is; anything
else is silently wrong. `DCGAN_CASES` sets how many cases of each kind are tried.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dcgan.config import DataConfig
from dcgan.data.catalogue import scan
from dcgan.data.catalogue.opening import File, inspect
from dcgan.data.split import assign
from dcgan.errors import InputError

CASES = int(os.environ.get("DCGAN_CASES", "30"))
OUTCOMES: dict[str, Counter[str]] = {}
SIDE = 8  # px

NAMES = [
    "cat",
    "dog",
    "bus",
    "001",
    "007",
    "NA",
    "true",
    "test tube",
    "train station",
    "père",
    "valid",
    "invalid",
    "new",
]
CLASS_NAMES = st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True)
KNOWN = [  # names that tell what they are; the first is trained on
    ("train", "test"), ("train", "val", "test"), ("Training", "Testing"), ("train_set", "test_set"), ("TRAIN", "Valid"),
    ("seg_train", "seg_test"), ("train2017", "val2017"), ("Final_Training", "Final_Test"), ("training", "evaluation"),
]  # fmt: skip
UNKNOWN = [("part1", "part2"), ("left", "right")]  # names that tell nothing unless the job does
DOUBTFUL = [("trainX", "testX"), ("mnist_train", "mnist_test")]
SPLIT_NAMES = st.sampled_from(KNOWN + UNKNOWN + DOUBTFUL)
TRAINED = {names[0] for names in KNOWN + UNKNOWN + DOUBTFUL}

cases = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
Draw = Callable[..., Any]


@dataclass(frozen=True)
class Meant:
    """One picture of a case."""

    number: int
    label: str
    split: str
    """As the source calls it; "" where it has none."""


def picture(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8))


def as_png(number: int) -> bytes:
    buffer = io.BytesIO()
    picture(number).save(buffer, "PNG")
    return buffer.getvalue()


def digest(number: int) -> str:
    """What a catalogue has of a picture's pixels."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(as_png(number))
        file.flush()
        return inspect(File(file.name), None)["image_sha256"]


DIGESTS = {digest(number): number for number in range(200)}


def meaning(draw: Draw, splits: tuple[str, ...]) -> list[Meant]:
    """Pictures of two classes or more, in each split."""
    meant: list[Meant] = []
    labels = draw(CLASS_NAMES)
    for split in splits or ("",):
        for label in labels:
            count = draw(st.integers(2, 3))
            meant += [Meant(len(meant) + number, label, split) for number in range(count)]
    return meant


def as_named(splits: tuple[str, ...]) -> dict[str, str]:
    """`data.splits` that says what they are."""
    return {"train" if split in TRAINED else split: split for split in splits}


def held_out(draw: Draw, splits: tuple[str, ...]) -> dict[str, Any]:
    """`data.holdout`: a share, or one of the splits."""
    return {"holdout": draw(st.sampled_from(splits[1:]))} if splits and draw(st.booleans()) else {}


def judge(kind: str, meant: list[Meant], source: Path, **keys: Any) -> None:
    """Count what becomes of a case; fails where it is silently wrong."""
    counts = OUTCOMES.setdefault(kind, Counter())
    counts["tried"] += 1
    data = DataConfig(source=str(source), image_size=(SIDE, SIDE), **keys)
    try:
        table, _ = scan(data)
    except InputError as error:
        assert len(str(error)) > 40
        counts["refused"] += 1
        return
    rows = assign(table, data.holdout)[["image_sha256", "label", "split"]].to_numpy()
    found = {DIGESTS.get(pixels, -1): (label, side) for pixels, label, side in rows}
    named = isinstance(data.holdout, str)
    expected = {
        one.number: (one.label, "train" if not one.split or one.split in TRAINED else "holdout")
        for one in meant
        if not one.split or one.split in TRAINED or (named and one.split == data.holdout)
    }
    if not named:  # the side follows from the pixels then, which is tested elsewhere
        found, expected = ({number: (of[0], "") for number, of in some.items()} for some in (found, expected))
    assert found == expected, "other pictures, classes or sides than were meant"
    counts["right"] += 1


@pytest.fixture
def place() -> Iterator[Callable[[], Path]]:
    """A new folder for each case."""
    folders = []

    def new() -> Path:
        folders.append(Path(tempfile.mkdtemp()))
        return folders[-1]

    yield new
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _hidden(draw: Draw, root: Path, _: list[Meant], folders: list[Path]) -> None:
    names = [".DS_Store", "Thumbs.db", ".git/x.png", "@eaDir/a.png", "#recycle/a.png", "__MACOSX/b.png"]
    file = draw(st.sampled_from([root, *folders])) / draw(st.sampled_from(names))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(as_png(190))


def _text(draw: Draw, root: Path, _: list[Meant], folders: list[Path]) -> None:
    name = draw(st.sampled_from(["README.md", "labels.txt", "a.png"]))
    (draw(st.sampled_from([root, *folders])) / name).write_text("no image")


def _empty_file(draw: Draw, _: Path, __: list[Meant], folders: list[Path]) -> None:
    (draw(st.sampled_from(folders)) / "empty.png").touch()


def _models(draw: Draw, root: Path, _: list[Meant], __: list[Path]) -> None:
    folder = root / draw(st.sampled_from(["models", "docs", "annotations"]))
    folder.mkdir(exist_ok=True)
    (folder / "stage-1.pth").write_bytes(b"x")


def _unlabeled(draw: Draw, root: Path, _: list[Meant], __: list[Path]) -> None:
    folder = root / draw(st.sampled_from(["unlabeled", "test", "Extra"]))
    if not folder.exists():
        folder.mkdir()
        (folder / "u.png").write_bytes(as_png(191))


def _masks(draw: Draw, root: Path, meant: list[Meant], _: list[Path]) -> None:
    outer = draw(st.sampled_from(["masks", "old"]))
    for number, label in enumerate({one.label for one in meant}):
        folder = root / outer / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "m.png").write_bytes(as_png(192 + number))


def _copy(draw: Draw, root: Path, _: list[Meant], __: list[Path]) -> None:
    name = draw(st.sampled_from(["copy", root.name]))
    for child in [child for child in root.iterdir() if child.is_dir() and not child.is_symlink()]:
        shutil.copytree(child, root / name / child.name, symlinks=True, dirs_exist_ok=True)


def _loop(draw: Draw, root: Path, _: list[Meant], folders: list[Path]) -> None:
    link = draw(st.sampled_from(folders)) / "up"
    if not link.is_symlink():
        link.symlink_to(root, target_is_directory=True)


def _linked_copy(draw: Draw, _: Path, __: list[Meant], folders: list[Path]) -> None:
    folder = draw(st.sampled_from(folders))
    file = next(one for one in sorted(folder.iterdir()) if one.stem.isdecimal())
    if not (folder / "link.png").is_symlink():
        (folder / "link.png").symlink_to(file)


def _broken_link(draw: Draw, _: Path, __: list[Meant], folders: list[Path]) -> None:
    link = draw(st.sampled_from(folders)) / "gone.png"
    if not link.is_symlink():
        link.symlink_to("nowhere.png")


STRAY = [_hidden, _text, _empty_file, _models, _unlabeled, _masks, _copy, _loop, _linked_copy, _broken_link]
PLAIN_LAYOUTS = ("{label}", "images/{label}", "{label}/2024", "{label}/images", "raw_data/{label}")
SPLIT_LAYOUTS = (
    "{split}/{label}", "{split}/images/{label}", "images/{split}/{label}", "data/{split}/{label}",
    "{split}/{split}/{label}", "{split}/{label}/images", "{label}/{split}",
)  # fmt: skip


@settings(cases, max_examples=2 * CASES)
@given(data=st.data())
def test_folders(place: Callable[[], Path], data: st.DataObject) -> None:
    draw, root = data.draw, place()
    splits = draw(st.one_of(st.just(()), SPLIT_NAMES))
    meant = meaning(draw, splits)
    layout = draw(st.sampled_from(SPLIT_LAYOUTS if splits else PLAIN_LAYOUTS))
    folders = set()
    for one in meant:
        folder = root / layout.format(label=one.label, split=one.split)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{one.number}.png").write_bytes(as_png(one.number))
        folders.add(folder)
    for stray in draw(st.lists(st.sampled_from(STRAY), max_size=3, unique=True)):
        stray(draw, root, meant, sorted(folders))
    keys = held_out(draw, splits)
    if splits and draw(st.booleans()):
        keys["splits"] = as_named(splits)
    judge("folders", meant, root, **keys)


MISTAKES = ["ending", "backslash", "other form", "no folder", "case", "elsewhere"]


def _mistaken(path: str, mistakes: list[str]) -> str:
    """A path as tables have it that come from another machine, or from a notebook."""
    if "no folder" in mistakes:
        path = path.rpartition("/")[2]
    if "ending" in mistakes:
        path = path.removesuffix(".png")
    if "elsewhere" in mistakes:
        path = f"/home/somebody/{path}"
    if "case" in mistakes:
        path = path.replace(".png", ".PNG")
    if "other form" in mistakes:
        path = unicodedata.normalize("NFD" if unicodedata.is_normalized("NFC", path) else "NFC", path)
    return path.replace("/", "\\") if "backslash" in mistakes else path


@cases
@given(data=st.data())
def test_tables(place: Callable[[], Path], data: st.DataObject) -> None:
    draw, root = data.draw, place()
    splits = draw(st.one_of(st.just(()), SPLIT_NAMES))
    meant = meaning(draw, splits)
    form: Literal["NFC", "NFD"] = draw(st.sampled_from(["NFC", "NFD"]))
    folder = draw(st.sampled_from(["imgs/", "a/b/", "", "übung/"]))
    mistakes = draw(st.lists(st.sampled_from(MISTAKES), max_size=2))
    header = draw(st.sampled_from([["path", "label"], ["Path", "Label"], [" path", "label"], ["file", "class"]]))
    lines = [[*header, "split"] if splits else header]
    for one in meant:
        path = unicodedata.normalize(form, f"{folder}{one.number}.png")
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(as_png(one.number))
        lines.append([_mistaken(path, mistakes), one.label, *([one.split] if splits else [])])
    if draw(st.booleans()):  # others that are called the same
        (root / "other").mkdir()
        for one in meant:
            (root / "other" / f"{one.number}.png").write_bytes(as_png(100 + one.number))
    keys = held_out(draw, splits)
    if header[0] == "file" and draw(st.booleans()):
        keys["columns"] = {"path": "file", "label": "class"}
    if "no folder" in mistakes and folder and draw(st.booleans()):
        keys["images"] = folder
    if splits and draw(st.booleans()):
        keys["splits"] = as_named(splits)
    separator, end = draw(st.sampled_from([",", ";", "\t", "|"])), draw(st.booleans())
    text = "".join(separator.join(line) + (separator if end and line is not lines[0] else "") + "\n" for line in lines)
    (root / "t.csv").write_text(text, encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))
    judge("tables", meant, root / "t.csv", **keys)


@cases
@given(data=st.data())
def test_hugging_face(place: Callable[[], Path], data: st.DataObject) -> None:
    draw, root = data.draw, place()
    splits = draw(st.one_of(st.just(()), SPLIT_NAMES))
    meant = meaning(draw, splits)
    kind = draw(st.sampled_from(["root", "by split", "column", "parquet", "shards"])) if splits else "root"
    label = draw(st.sampled_from(["label", "labels", "category"]))
    if kind in ("parquet", "shards"):
        _write_parquet(root, meant, splits, label, 2 if kind == "shards" else 1)
    else:
        _write_metadata(root, meant, label, kind, draw(st.sampled_from(["csv", "jsonl", "parquet"])))
    keys = held_out(draw, splits)
    if label == "category" and draw(st.booleans()):
        keys["columns"] = {"label": label}
    if splits and (splits in UNKNOWN or draw(st.booleans())):  # here folders and files may have any names
        keys["splits"] = as_named(splits)
    judge("Hugging Face", meant, root, **keys)


def _write_parquet(root: Path, meant: list[Meant], splits: tuple[str, ...], label: str, num_shards: int) -> None:
    (root / "data").mkdir()
    for split in splits:
        some = [one for one in meant if one.split == split]
        images = [{"bytes": as_png(one.number), "path": ""} for one in some]
        table = pd.DataFrame({"image": images, label: [one.label for one in some]})
        for shard in range(num_shards):
            file = root / "data" / f"{split}-{shard:05d}-of-{num_shards:05d}.parquet"
            table[shard::num_shards].to_parquet(file, row_group_size=2)


def _write_metadata(root: Path, meant: list[Meant], label: str, kind: str, ending: str) -> None:
    rows: dict[Path, list[dict[str, str]]] = {}
    for one in meant:
        folder = "images" if kind == "column" else one.split
        (root / folder).mkdir(exist_ok=True)
        (root / folder / f"{one.number}.png").write_bytes(as_png(one.number))
        name = f"{one.number}.png" if kind == "by split" else f"{folder}/{one.number}.png".lstrip("/")
        row = {"file_name": name, label: one.label} | ({"split": one.split} if kind == "column" else {})
        rows.setdefault(root / folder if kind == "by split" else root, []).append(row)
    for folder_, lines in rows.items():
        file = folder_ / f"metadata.{ending}"
        if ending == "jsonl":
            file.write_text("\n".join(map(json.dumps, lines)))
        elif ending == "csv":
            pd.DataFrame(lines).to_csv(file, index=False)
        else:
            pd.DataFrame(lines).to_parquet(file)


@cases
@given(data=st.data())
def test_arrays(place: Callable[[], Path], data: st.DataObject) -> None:
    draw, root = data.draw, place()
    splits = draw(st.sampled_from([(), ("train", "test"), ("train", "val", "test"), ("Training", "Testing")]))
    meant = meaning(draw, splits)
    labels = sorted({one.label for one in meant})
    form = draw(st.sampled_from(["text", "bytes", "indices", "floats", "one-hot", "(N, 1)"]))
    naming = draw(st.sampled_from(["ours", "MedMNIST", "Keras"] if splits else ["ours"]))

    def arrays(some: list[Meant]) -> tuple[np.ndarray, np.ndarray]:
        numbers = np.array([labels.index(one.label) for one in some])
        values = {
            "text": np.array([one.label for one in some]), "bytes": np.array([one.label.encode() for one in some]),
            "indices": numbers, "floats": numbers.astype(float), "one-hot": np.eye(len(labels))[numbers],
            "(N, 1)": numbers[:, None],
        }[form]  # fmt: skip
        return np.stack([np.asarray(picture(one.number)) for one in some]), values

    content: dict[str, Any] = {} if form in ("text", "bytes") else {"class_names": labels}
    if naming == "ours":
        content["images"], content["labels"] = arrays(meant)
        content |= {"split": [one.split for one in meant]} if splits else {}
    for split in splits if naming != "ours" else ():
        names = (f"{split}_images", f"{split}_labels") if naming == "MedMNIST" else (f"x_{split}", f"y_{split}")
        content |= dict(zip(names, arrays([one for one in meant if one.split == split]), strict=True))
    np.savez(root / "d.npz", **content)
    judge("arrays", meant, root / "d.npz", **held_out(draw, splits))


def test_most_cases_are_right_and_none_is_silently_wrong() -> None:
    for kind, counts in OUTCOMES.items():
        wrong = counts["tried"] - counts["right"] - counts["refused"]
        told = f"{counts['tried']} tried, {counts['right']} right, {counts['refused']} refused, {wrong} silently wrong"
        print(f"{kind}: {told}")
        assert counts["right"] > counts["tried"] / 5 and not wrong, f"{kind}: {told}"
