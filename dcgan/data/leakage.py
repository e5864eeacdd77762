"""Leakage: held-out images that are nearly training images, and so no evidence.

Exact copies are gone already: the catalogue quarantines them. Near ones (stored again with loss, cropped by a pixel, a
little brighter) have nearly the same perceptual hash, and pixels much nearer than is usual between images of the class.
The hash alone would not do: many a handwritten 1 has the hash of many another.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dcgan.data.catalogue.opening import ACCEPTED
from dcgan.data.distances import neighbour_distances
from dcgan.data.split import HOLDOUT, TRAIN
from dcgan.errors import StorageError
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import ClassLeaks, LeakageRecord, LeakedImage, LeakedPair, SplitRecord

MAX_BITS = 12  # of 64 in which the hashes of near duplicates differ: on a flat ground, noise turns bits at random
USUAL_AMONG = 20  # images of a class, among which the distance to the nearest one is what is usual
MAX_SAMPLED = 200  # images of a class that this is taken from
NEAR = 0.3  # of the usual distance: nearer are near duplicates
MAX_LISTED = 50
COARSE = 4  # blocks along each side that pairs are first compared by
CHUNK_PAIRS = 1_000_000  # hashes compared at once
CHUNK_VALUES = 4_000_000  # pixels compared at once

ACROSS_SIDES, ACROSS_CLASSES = "training and held-out", "across classes"


@dataclass(frozen=True)
class _Images:
    """All images that are used, those of a class and side together, one such group after the other."""

    table: pd.DataFrame
    """path, label, split and row of each."""
    hashes: np.ndarray
    """uint64 (N,)."""
    pixels: np.ndarray
    """uint8 (N, H * W * C)."""
    coarse: np.ndarray
    """float32 (N, D), no further apart than the pixels are."""
    contrasts: np.ndarray
    """The length of `coarse`: float32 (N, 1)."""
    limits: np.ndarray
    """Root mean square difference of pixels in 0 to 1 under which another image is a near duplicate: (N,)."""


def audit(run: Run) -> LeakageRecord:
    """Look for near duplicates between training and held-out images, and across classes.

    What is found is left in `run.leakage`, and read there the next time.
    """
    with contextlib.suppress(StorageError):  # not there yet, or damaged: it is made from what is there
        return records.read(run.leakage, LeakageRecord)
    record = _audit(run)
    records.write(run.leakage, record)
    return record


def near_labelled(run: Run, images: np.ndarray, hashes: Iterable[str]) -> np.ndarray:
    """Which further images are near duplicates of the run's, on whichever side: bool (n,).

    Args:
        run: split.
        images: uint8 (n, H, W, C), n at least 1.
        hashes: the perceptual hash of each.
    """
    known = _read(run)
    pixels, coarse = images.reshape(len(images), -1), _coarse(images)
    table = pd.DataFrame({"label": "", "split": "", "path": "", "row": range(len(images))})
    both = _Images(
        pd.concat([table, known.table], ignore_index=True),
        np.concatenate([_numbers(hashes), known.hashes]),
        np.concatenate([pixels, known.pixels]),
        np.concatenate([coarse, known.coarse]),
        np.concatenate([np.linalg.norm(coarse, axis=1, keepdims=True), known.contrasts]),
        np.concatenate([np.full(len(images), _limit(pixels)), known.limits]),
    )
    near = np.zeros(len(images), bool)
    for one, _, _ in _pairs(both, 0, len(images)):
        near[one] = True
    return near


def leaked(run: Run, label: str) -> np.ndarray:
    """Which held-out images of a class are no evidence, by row of its `holdout.npy`: bool (N,)."""
    mask = np.zeros(records.read(run.split_record, SplitRecord).classes[label].holdout, bool)
    mask[audit(run).classes[label].holdout_rows] = True
    return mask


def _audit(run: Run) -> LeakageRecord:
    images = _read(run)
    labels, sides = (images.table[column].to_numpy() for column in ("label", "split"))
    none = np.empty(0, np.int64)
    found = [(none, none, none.astype(np.float32)), *_near_duplicates(images)]
    one, other, distances = (np.concatenate(parts) for parts in zip(*found, strict=True))
    leaks = sides[one] != sides[other]
    held_out = np.unique(np.where(sides[one] == HOLDOUT, one, other)[leaks])
    rows = images.table.loc[held_out].groupby("label")["row"].apply(list)
    limits = dict(zip(labels, images.limits.tolist(), strict=True))
    nearest = np.argsort(distances, kind="stable")[:MAX_LISTED]

    def named(row: int) -> LeakedImage:
        path, label, split = map(str, images.table.loc[row, ["path", "label", "split"]])
        return LeakedImage(path=path, label=label, split=split)

    return LeakageRecord(
        pairs={ACROSS_SIDES: int(leaks.sum()), ACROSS_CLASSES: int((labels[one] != labels[other]).sum())},
        examples=[
            LeakedPair(images=(named(one[pair]), named(other[pair])), distance=float(distances[pair]))
            for pair in nearest
        ],
        classes={
            label: ClassLeaks(holdout_rows=sorted(map(int, rows.get(label, []))), limit=limits.get(label))
            for label in records.read(run.split_record, SplitRecord).classes
        },
    )


def _read(run: Run) -> _Images:
    catalogue = pd.read_parquet(run.catalogue_table, columns=["image_sha256", "perceptual_hash", "verdict"])
    hashes = catalogue[catalogue["verdict"] == ACCEPTED].set_index("image_sha256")["perceptual_hash"]
    table = pd.read_parquet(run.split_table).sort_values(["label", "split", "row"], ignore_index=True)
    file_of = {TRAIN: run.train_images, HOLDOUT: run.holdout_images}
    groups = table[["label", "split"]].drop_duplicates().to_numpy()
    images = np.concatenate([np.load(file_of[side](label)) for label, side in groups])
    pixels = images.reshape(len(images), -1)
    limits = table.groupby("label")["label"].transform(
        lambda of_class: _limit(pixels[of_class.index] if len(of_class) > USUAL_AMONG else pixels)
    )
    coarse = _coarse(images)
    return _Images(
        table,
        _numbers(hashes[table["image_sha256"]]),
        pixels,
        coarse,
        np.linalg.norm(coarse, axis=1, keepdims=True),
        limits.to_numpy(np.float64),
    )


def _limit(pixels: np.ndarray) -> float:
    """The distance under which images are near duplicates, from a class's images, or all classes': uint8 (N, D)."""
    some = pixels[np.linspace(0, len(pixels) - 1, min(MAX_SAMPLED, len(pixels))).astype(int)].astype(np.float32) / 255
    # The nearest of twenty, though more are at hand: near duplicates among them do not count as usual then.
    usual = neighbour_distances(some, max(1, len(some) // USUAL_AMONG))
    return float(NEAR * np.median(usual) / np.sqrt(pixels.shape[1]))


def _numbers(hashes: Iterable[str]) -> np.ndarray:
    """Perceptual hashes, 64 bits in hex each, as uint64 (n,)."""
    return np.array([int(digits, 16) for digits in hashes], np.uint64)


def _coarse(images: np.ndarray) -> np.ndarray:
    """Scaled sums over blocks of uint8 (N, H, W, C): float32 (N, D), never further apart than the pixels are."""
    height, width = images.shape[1:3]
    starts = [np.linspace(0, side, COARSE + 1).astype(int)[:-1] for side in (height, width)]
    sides = [np.diff([*of_side, side]) for of_side, side in zip(starts, (height, width), strict=True)]
    sums = np.add.reduceat(np.add.reduceat(images, starts[0], 1, dtype=np.float32), starts[1], 2)
    scaled: np.ndarray = sums / np.sqrt(np.outer(*sides))[None, ..., None] / 255 / np.sqrt(images[0].size)
    return scaled.reshape(len(images), -1).astype(np.float32)


def _near_duplicates(images: _Images) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Pairs of images of different classes or sides: row of the one, of the other, and their distance, 0 to 1."""
    groups = images.table[["label", "split"]]
    starts = np.flatnonzero((groups != groups.shift()).any(axis=1)).tolist()
    for start, stop in itertools.pairwise(starts):
        yield from _pairs(images, start, stop)


def _pairs(images: _Images, start: int, stop: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Near duplicates of the images in rows `start` to `stop` among those after them, some at a time."""
    if stop == len(images.hashes):
        return
    step = max(1, CHUNK_PAIRS // (len(images.hashes) - stop))
    for first in range(start, stop, step):
        some = images.hashes[first : min(first + step, stop), None]
        differ = np.bitwise_count(some ^ images.hashes[None, stop:])
        one, other = np.divmod(np.flatnonzero(differ <= MAX_BITS), differ.shape[1])
        yield _verified(images, one + first, other + stop)


def _verified(images: _Images, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those of the pairs whose pixels are as near as those of near duplicates are."""
    # Cheap tests first, of what is never further apart than the pixels are: all of a digit's images may come here.
    limits = np.minimum(images.limits[one], images.limits[other])
    for bound in (images.contrasts, images.coarse):
        apart = ((bound[one] - bound[other]) ** 2).sum(1)
        may_be = apart <= 1.001 * limits**2  # float32 rounds
        one, other, limits = one[may_be], other[may_be], limits[may_be]
    distances = np.empty(len(one), np.float32)
    step = max(1, CHUNK_VALUES // images.pixels.shape[1])
    for first in range(0, len(one), step):
        pairs = slice(first, first + step)
        difference = images.pixels[one[pairs]].astype(np.float32) - images.pixels[other[pairs]]
        distances[pairs] = np.sqrt((difference**2).mean(1)) / 255
    near = distances <= limits
    return one[near], other[near], distances[near]
