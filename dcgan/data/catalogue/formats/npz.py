"""Arrays in an `.npz`: images and labels, or those of each split, as MedMNIST and Keras name them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from dcgan.data.catalogue import splits
from dcgan.data.catalogue.labels import numbers_only, to_names
from dcgan.data.catalogue.opening import Item, Row
from dcgan.data.catalogue.rows import Rows
from dcgan.data.catalogue.sources import Entry, Format, Place, Reading, Source, as_text, named
from dcgan.errors import InputError

# Images and labels of a split, by name: MedMNIST's `train_images` and `train_labels`, Keras' `x_train` and `y_train`.
_FAMILIES = (
    ("MedMNIST's arrays", re.compile(r"(?P<split>.+)_images"), "{split}_labels"),
    ("Keras' arrays", re.compile(r"(?P<x>[xX])_(?P<split>.+)"), "{y}_{split}"),
)
MEMORY_SHARE = 0.8  # of the memory that is free now: larger arrays are not read


@dataclass(frozen=True)
class Part:
    """Images and labels that belong together."""

    images: str
    """Names of the arrays."""
    labels: str
    split: str = ""


class ArraySource(Source):
    """A source whose images are rows of arrays."""

    def __init__(
        self, file: Path, arrays: list[np.ndarray], entries: list[Entry], reading: Reading, **more: Any
    ) -> None:
        super().__init__(file.parent, entries, reading, **more)
        self._file, self._arrays = str(file), arrays
        self._ends = np.cumsum([len(array) for array in arrays])

    def item(self, number: int) -> Item:
        """Entry `number`, as a row."""
        which = int(np.searchsorted(self._ends, number, side="right"))
        first = int(self._ends[which - 1]) if which else 0
        return Row(self._arrays[which][number - first])

    def file(self, number: int) -> str:  # noqa: ARG002 (all are in one)
        """The `.npz`."""
        return self._file


def read(place: Place) -> Source:
    """Every row of the images is an entry."""
    path = place.path
    with path.open("rb") as content, zipfile.ZipFile(content) as archive:
        headers = _headers(archive, path)
        title, parts = _parts(headers, path)
        wanted = [name for part in parts for name in (part.images, part.labels)]
        wanted += [name for name in ("class_names", "split") if name in headers]
        _require_memory(headers, wanted, path)
        content.seek(0)
        with np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in wanted}
    names = to_names(arrays["class_names"].tolist(), f"{path}, class_names") if "class_names" in arrays else []
    rows = Rows(label_from=named(dict.fromkeys(part.labels for part in parts)))
    if parts[0].split and place.data.splits is not False:
        rows.split_from = "the arrays' names"
    for part in parts:
        images = arrays[part.images]
        _require_images(images, part.images, path)
        labels = _one_each(arrays[part.labels], part, images, names, path)
        given = _given_splits(rows, place, arrays, images)
        prefix = f"{path.name}#{f'{part.images}/' if part.split else ''}"
        for row, label in enumerate(labels):
            rows.add(f"{prefix}{row}", label, given[row] if given else part.split, "")
    entries = rows.entries(place.data, str(path))
    details = [f"labels from {rows.label_from}", *rows.notes]
    if parts[0].split and not names:
        details += numbers_only(path.parent, {entry.label for entry in entries})
    reading = Reading(title, f"{rows.layout('npz')}, {'with' if names else 'without'} class_names", tuple(details))
    known = {("", as_text(name)) for name in names}
    return ArraySource(path, [arrays[part.images] for part in parts], entries, reading, empty=known)


def _headers(archive: zipfile.ZipFile, path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shape and type of each array, as its header has them; nothing of its values is read."""
    found = {}
    for info in archive.infolist():
        if not info.filename.endswith(".npy"):
            continue
        name = info.filename.removesuffix(".npy")
        with archive.open(info) as member:
            old = np.lib.format.read_magic(member) == (1, 0)
            shape, _, dtype = getattr(np.lib.format, f"read_array_header_{'1_0' if old else '2_0'}")(member)
        needed = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if not dtype.hasobject and needed > info.file_size:
            raise InputError(
                f"{path}: array {name} should have {needed:,} bytes and has {info.file_size:,}: it is damaged"
            )
        found[name] = shape, dtype
    return found


def _require_memory(
    headers: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]], wanted: list[str], path: Path
) -> None:
    needed = sum(int(np.prod(headers[name][0], dtype=object)) * headers[name][1].itemsize for name in wanted)
    free = psutil.virtual_memory().available
    if needed > MEMORY_SHARE * free:
        raise InputError(
            f"{path} contains {needed / 1e9:,.1f} GB of images and labels, but only {free / 1e9:,.1f} GB of memory are "
            "free. Write its images as files, one folder per class"
        )


def _parts(headers: Collection[str], path: Path) -> tuple[str, list[Part]]:
    """The arrays that are images and labels."""
    if "images" in headers and "labels" in headers:
        return "arrays", [Part("images", "labels")]
    for title, pattern, labels in _FAMILIES:
        parts = []
        for name in headers:
            match = pattern.fullmatch(name)
            if not match or not splits.role(match["split"]):
                continue
            y = "Y" if match.groupdict().get("x") == "X" and f"Y_{match['split']}" in headers else "y"
            of_labels = labels.format(split=match["split"], y=y)
            if of_labels in headers:
                parts.append(Part(name, of_labels, match["split"]))
        if parts:
            return title, parts
    lacking = [name for name in ("images", "labels") if name not in headers]
    raise InputError(
        f"{path} has no array {' and no array '.join(lacking)}; it has {named(headers)}. Expected images and labels, "
        "train_images and train_labels (MedMNIST), or x_train and y_train (Keras)"
    )


def _given_splits(rows: Rows, place: Place, arrays: Mapping[str, np.ndarray], images: np.ndarray) -> list[str]:
    """What the array `split` says of each image; none where there is no such array, or none is asked for."""
    if "split" not in arrays or place.data.splits is False:
        return []
    values = to_names(arrays["split"].tolist(), f"{place.path}, split")
    if len(values) != len(images):
        raise InputError(f"{place.path}: {len(images)} images, {len(values)} values in split; expected one for each")
    rows.split_from = "array split"
    return values


def _require_images(images: np.ndarray, name: str, path: Path) -> None:
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
        raise InputError(
            f"{path}: expected {name} as uint8 (N, H, W), (N, H, W, 1) or (N, H, W, 3), found {images.dtype} "
            f"{images.shape}"
        )


def _one_each(labels: np.ndarray, part: Part, images: np.ndarray, names: list[str], path: Path) -> list[str]:
    """A class name for each image."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    elif labels.ndim == 2 and len(labels) and ((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all():
        labels = labels.argmax(1)
    if labels.shape != (len(images),):
        raise InputError(
            f"{path}: {len(images)} images in {part.images}, {part.labels} of shape {labels.shape}: expected one label "
            "for each image, (N,) or (N, 1), or rows of 0 and a single 1"
        )
    return to_names(labels.tolist(), f"{path}, {part.labels}", names)


FORMAT = Format(
    name="npz",
    expected="an .npz with arrays images,labels, or those of MedMNIST or Keras",
    recognises=lambda place: place.is_file(".npz"),
    read=read,
)
