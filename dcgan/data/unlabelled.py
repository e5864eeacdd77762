"""Images without labels: which of them are used, and their pixels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dcgan.config import DataConfig, ResolvedJob
from dcgan.data import leakage, lineage
from dcgan.data.catalogue.inspection import NO_CACHE, inspect_all
from dcgan.data.catalogue.listing import list_unlabelled
from dcgan.data.catalogue.opening import ACCEPTED
from dcgan.data.catalogue.sources import Source
from dcgan.data.split import image_shape, make_array, read_pixels, store_pixels
from dcgan.execution.progress import no_report
from dcgan.files import storage
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import UnlabelledRecord

IMAGES, TABLE, RECORD = "images.npy", "images.parquet", "unlabelled.json"


def store(run: Run, job: ResolvedJob) -> None:
    """Leave the pixels of the images without labels in the run, but for near duplicates of images with labels.

    Those of held-out images would undo that these are unseen. Those of training images would do so to the folds in
    which a recipe is chosen, and are nothing new.

    Args:
        run: split.
        job: resolved; if it has no such images, nothing is left.

    Raises:
        InputError: a file has changed since the catalogue read it.
    """
    if not job.data.unlabelled or run.unlabelled.exists():
        return
    table = _accepted(run)
    shape = image_shape(run)
    with storage.whole_folder(run.unlabelled) as temporary:
        file = temporary / IMAGES
        make_array(file, (len(table), *shape))
        places = table.assign(file=str(file), row=range(len(table)))
        store_pixels(list_unlabelled(job.data), places, shape, job.data)
        images = np.load(file)
        is_near = leakage.near_labelled(run, images, table["perceptual_hash"])
        np.save(file, images[~is_near])
        table.loc[~is_near, ["path", "image_sha256"]].to_parquet(temporary / TABLE, index=False)
        near = int(is_near.sum())
        records.write(temporary / RECORD, UnlabelledRecord(used=len(table) - near, near_labelled=near))


def load(run: Run) -> np.ndarray | None:
    """The images without labels that are used, uint8 (n, H, W, C), still on the disk; None if there are none."""
    if not run.unlabelled.exists():
        return None
    images: np.ndarray = np.load(run.unlabelled / IMAGES, mmap_mode="r")
    return images if len(images) else None


def table(run: Run) -> pd.DataFrame:
    """Their paths and the SHA-256 of their pixels, in the same order."""
    return pd.read_parquet(run.unlabelled / TABLE)


def read_again(
    data: DataConfig, image_shape: tuple[int, int, int], wanted: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Some of the images without labels, read again.

    Args:
        data: where they are, and how they are read.
        image_shape: (H, W, C) to convert to.
        wanted: their `path` and `image_sha256`.

    Returns:
        Images uint8 (n, H, W, C), and the row of each in `wanted`, (n,), rising. Those that are gone, or have changed,
        are not among them.

    Raises:
        InputError: there is no such folder.
    """
    everything = list_unlabelled(data)
    row_of = {path: row for row, path in enumerate(wanted["path"])}
    source = Source(everything.root, [one for one in everything.entries if one.path in row_of], everything.reading)
    table = inspect_all(source, data, NO_CACHE, no_report)
    table["path"] = [entry.path for entry in source.entries]
    table["wanted"] = [row_of[path] for path in table["path"]]
    same = table["image_sha256"].to_numpy() == wanted["image_sha256"].to_numpy()[table["wanted"]]
    table = table[(table["verdict"] == ACCEPTED) & same].sort_values("wanted", ignore_index=True)
    return read_pixels(source, table, image_shape, data), table["wanted"].to_numpy()


def codes(run: Run) -> np.ndarray:
    """The images without labels in the form of `fingerprints.Sides`, uint64 (n,); near duplicates too."""
    return codes_of(_accepted(run) if run.unlabelled_table.exists() else None)


def codes_of(table: pd.DataFrame | None) -> np.ndarray:
    """The same of a table of `scan_unlabelled`; None: there are none."""
    if table is None:
        return np.empty(0, np.uint64)
    accepted = table.loc[table["verdict"] == ACCEPTED, "image_sha256"]
    return np.sort(lineage.codes(accepted))


def _accepted(run: Run) -> pd.DataFrame:
    """The rows that are used, in the order of their pixels' hashes."""
    table = pd.read_parquet(run.unlabelled_table)
    return table[table["verdict"] == ACCEPTED].sort_values("image_sha256", ignore_index=True)
