"""The split: which real images train, which are held out from every GAN.

An image's side follows from the hash of its own pixels, so that it stays the same when images are added, renamed or
re-encoded, and that a duplicate can never stand on the other side.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from dcgan.config import DataConfig, ResolvedJob
from dcgan.data.catalogue import readers, scan
from dcgan.data.catalogue.listing import list_source
from dcgan.data.catalogue.sources import Source
from dcgan.errors import InputError
from dcgan.files import storage
from dcgan.files.names import escape
from dcgan.run import records, sentences
from dcgan.run.paths import Run
from dcgan.run.records import CatalogueRecord, ClassFiles, ClassSplit, ClassState, SplitRecord

TRAIN, HOLDOUT = "train", "holdout"
VALIDATION_MIN = 100  # training images of a class from which on some are held in for validation
VALIDATION_SHARE, VALIDATION_MAX = 0.2, 256  # how many are
FOLDS = 3  # parts of the training images that classifiers take turns to do without
MIN_TRAIN = 8  # training images of a class under which no GAN is trained on it: it could only learn them by heart


def assign(table: pd.DataFrame, holdout: float | str) -> pd.DataFrame:
    """The accepted rows of a catalogue, `split` replaced by "train" or "holdout".

    Args:
        table: see `dcgan.data.catalogue.scan`.
        holdout: share of each class, 0 to 1, or the name of a split of the source.
    """
    accepted = table[table["verdict"] == "accepted"]
    if isinstance(holdout, str):
        held_out = accepted["split"] == holdout
    else:
        # The pixels' SHA-256 is as good as a uniform draw; its last digits are used for nothing else.
        held_out = accepted["image_sha256"].map(lambda digest: int(digest[-8:], 16) / 16**8) < holdout
    return accepted.assign(split=np.where(held_out, HOLDOUT, TRAIN))


def plan_split(job: ResolvedJob, table: pd.DataFrame, record: CatalogueRecord) -> SplitRecord:
    """How many images of each class train and are held out, and which classes are refused.

    Args:
        job: resolved.
        table: the catalogue.
        record: the catalogue's.

    Raises:
        InputError: no class has enough training images, or fewer than two have any.
    """
    assigned = assign(table, job.data.holdout)
    counts = pd.crosstab(assigned["label"], assigned["split"]).reindex(columns=[TRAIN, HOLDOUT], fill_value=0)
    classes: dict[str, ClassSplit] = {}
    for label, found in record.classes.items():
        train, holdout = map(int, counts.loc[label]) if label in counts.index else (0, 0)
        classes[label] = _of_class(train, holdout, found)
    if all(entry.state is ClassState.REFUSED for entry in classes.values()):
        reasons = "; ".join(f"{label}: {entry.reason}" for label, entry in classes.items())
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in record.reasons.items())
        why = f". Left out: {left_out}" if left_out else ""
        raise InputError(f"no class has enough real images to train on. {reasons}{why}")
    if sum(entry.train > 0 for entry in classes.values()) < 2:
        raise InputError(
            "fewer than two classes have training images: nothing tells what a class is. See data.holdout."
        )
    return SplitRecord(image_size=record.image_size, channels=record.channels, classes=classes)


def _of_class(train: int, holdout: int, found: ClassFiles) -> ClassSplit:
    if train >= MIN_TRAIN:
        return ClassSplit(train=train, holdout=holdout, state=ClassState.OK)
    reason = sentences.refusal(train, holdout, found, MIN_TRAIN)
    return ClassSplit(train=train, holdout=holdout, state=ClassState.REFUSED, reason=reason)


def make_split(run: Run, job: ResolvedJob) -> SplitRecord:
    """Split the catalogue, and leave each class's pixels as uint8 (n, H, W, C) arrays in the run.

    Raises:
        InputError: see `plan_split`; or a file has changed since the catalogue read it.
    """
    if not run.split.exists():
        table = pd.read_parquet(run.catalogue_table)
        record = plan_split(job, table, records.read(run.catalogue_record, CatalogueRecord))
        shape = record.image_shape
        assigned = assign(table, job.data.holdout)
        assigned["row"] = assigned.groupby(["label", "split"]).cumcount()
        source = list_source(job.data)
        with storage.whole_folder(run.split) as temporary:
            for label, entry in record.classes.items():
                (temporary / escape(label)).mkdir()
                for side, count in ((TRAIN, entry.train), (HOLDOUT, entry.holdout)):
                    make_array(temporary / escape(label) / f"{side}.npy", (count, *shape))
            places = [
                str(temporary / escape(label) / f"{side}.npy")
                for label, side in zip(assigned["label"], assigned["split"], strict=True)
            ]
            store_pixels(source, assigned.assign(file=places), shape, job.data)
            assigned[["path", "label", "split", "row", "image_sha256"]].to_parquet(
                temporary / run.split_table.name, index=False
            )
            records.write(temporary / run.split_record.name, record)
    return records.read(run.split_record, SplitRecord)


def labels_with_images(run: Run) -> list[str]:
    """Classes that have training images, sorted; refused ones too: they take part in telling classes apart."""
    classes = records.read(run.split_record, SplitRecord).classes
    return [label for label, entry in classes.items() if entry.train]


def image_shape(run: Run) -> tuple[int, int, int]:
    """(H, W, C) of the run's images."""
    return records.read(run.split_record, SplitRecord).image_shape


def load_training(run: Run, labels: Iterable[str]) -> list[np.ndarray]:
    """What a GAN is trained on, uint8 (n, H, W, C) per class: its training images, except those held in."""
    table = _training_rows(run)
    return [np.load(run.train_images(label))[~_held_in(table, label)] for label in labels]


def load_validation(run: Run, label: str) -> list[np.ndarray]:
    """What picks the best step of a class's training, uint8 (n, H, W, C) by the fold that an image is in.

    They are the training images that are held in. A class with fewer than `VALIDATION_MIN` can spare none, and is
    validated on what it is trained on.
    """
    images, held_in = np.load(run.train_images(label)), _held_in(_training_rows(run), label)
    chosen = held_in if held_in.any() else ~held_in
    return [images[chosen & in_fold(len(images), fold)] for fold in range(FOLDS)]


def _training_rows(run: Run) -> pd.DataFrame:
    table = pd.read_parquet(run.split_table)
    return table[table["split"] == TRAIN].sort_values("row")


def _held_in(table: pd.DataFrame, label: str) -> np.ndarray:
    """Which of a class's training images are held in, bool (n,). It follows from the pixels' hash."""
    hashes = table.loc[table["label"] == label, "image_sha256"].to_numpy()
    count = len(hashes)
    chosen = np.zeros(count, bool)
    if count >= VALIDATION_MIN:
        # The first digits of the hash: its last ones say what is held out.
        chosen[np.argsort(hashes, kind="stable")[: min(round(VALIDATION_SHARE * count), VALIDATION_MAX)]] = True
    return chosen


def in_fold(count: int, fold: int) -> np.ndarray:
    """Which of a class's `count` training images are in fold 0 to `FOLDS` - 1: bool (count,)."""
    chosen: np.ndarray = np.arange(count) % FOLDS == fold
    return chosen


def read_split(data: DataConfig, image_shape: tuple[int, int, int], side: str) -> tuple[np.ndarray, list[str]]:
    """One side of a source's split, read again.

    Args:
        data: what and how.
        image_shape: (H, W, C) to convert to.
        side: "train" or "holdout".

    Returns:
        Images uint8 (N, H, W, C) and their class names.
    """
    table, _ = scan(data)
    rows = assign(table, data.holdout)
    rows = rows[rows["split"] == side]
    return read_pixels(list_source(data), rows, image_shape, data), rows["label"].to_list()


def read_pixels(source: Source, rows: pd.DataFrame, image_shape: tuple[int, int, int], data: DataConfig) -> np.ndarray:
    """The pictures of catalogue rows, converted: uint8 (n, H, W, C).

    Raises:
        InputError: see `store_pixels`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "images.npy")
        make_array(file, (len(rows), *image_shape))
        store_pixels(source, rows.assign(file=str(file), row=range(len(rows))), image_shape, data)
        images: np.ndarray = np.load(file)
        return images


def make_array(file: Path, shape: tuple[int, ...]) -> None:
    """An array uint8 of `shape` as `.npy`, to be filled: all its room is taken now, so that filling it cannot fail."""
    with file.open("wb") as content:
        np.lib.format.write_array_header_1_0(content, {"descr": "|u1", "fortran_order": False, "shape": shape})
        content.flush()
        if num_bytes := int(np.prod(shape)):
            os.posix_fallocate(content.fileno(), content.tell(), num_bytes)


def store_pixels(source: Source, rows: pd.DataFrame, image_shape: tuple[int, int, int], data: DataConfig) -> None:
    """Convert the pictures of catalogue rows, and write each into the array `file` of its row as number `row`.

    Raises:
        InputError: a picture is not what the catalogue read.
    """
    number_of = {entry.path: number for number, entry in enumerate(source.entries)}
    if gone := [path for path in rows["path"] if path not in number_of]:
        raise InputError(f"{gone[0]} was readable a moment ago, and is gone now")
    tasks: list[readers.Task] = [
        (source.item(number_of[path]), [data.range, sha256, file, row, image_shape])
        for path, sha256, file, row in rows[["path", "sha256", "file", "row"]].itertuples(index=False)
    ]
    num_bytes = sum(source.state(number_of[path])[0] for path in rows["path"])
    for number, problem in readers.answers("store_pixels", tasks, num_bytes):
        if problem != "":
            why = f"was readable a moment ago, and now {problem}" if isinstance(problem, readers.Lost) else problem
            raise InputError(f"{rows['path'].iloc[number]} {why}")
