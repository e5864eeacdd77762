"""Images without labels: which of them the shared base learns from, and their pixels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dcgan.config import ResolvedJob
from dcgan.data import leakage, lineage
from dcgan.data.catalogue.listing import list_unlabelled
from dcgan.data.catalogue.opening import ACCEPTED
from dcgan.data.split import image_shape, make_array, store_pixels
from dcgan.files import storage
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import UnlabelledRecord

IMAGES, RECORD = "images.npy", "unlabelled.json"


def store(run: Run, job: ResolvedJob) -> None:
    """Leave the pixels of the images without labels in the run, but for those that are near a held-out image.

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
        is_near = leakage.near_held_out(run, images, table["perceptual_hash"])
        np.save(file, images[~is_near])
        near = int(is_near.sum())
        records.write(temporary / RECORD, UnlabelledRecord(used=len(table) - near, near_held_out=near))


def load(run: Run) -> np.ndarray | None:
    """The images without labels that the base learns from, uint8 (n, H, W, C); None if there are none."""
    if not run.unlabelled.exists():
        return None
    images: np.ndarray = np.load(run.unlabelled / IMAGES)
    return images if len(images) else None


def codes(run: Run) -> np.ndarray:
    """The images without labels in the form of `fingerprints.Sides`, uint64 (n,); also those near a held-out one."""
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
