"""Reading a release: a table, arrays, or a `tf.data.Dataset` together with the real images."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dcgan import extras
from dcgan.config import JobConfig, parse_job
from dcgan.errors import ReleaseError, StorageError
from dcgan.files import storage
from dcgan.files.urls import is_url
from dcgan.release import formats
from dcgan.release.holding import Hold
from dcgan.release.remote import locate
from dcgan.run.outcome import released

if TYPE_CHECKING:
    import tensorflow as tf

NUM_THREADS = 4  # decoding PNG lets go of the interpreter's lock


def load_release(path: str | Path, *, verify: bool = False) -> Release:
    """Open a release.

    Args:
        path: folder of a release, or a job's `latest`, also as a URL, of which a local copy is then read. The name is
            resolved now: a release that is published later does not change what this one reads, and does not remove it
            while the object that this gives is in use.
        verify: check every byte against the checksums first.

    Raises:
        ReleaseError: it is no release, is incomplete or, with `verify`, has changed.
    """
    folder = locate(path)
    try:
        hold = Hold(folder)
        record = storage.read_json(folder / "release.json")
    except BlockingIOError as error:
        raise ReleaseError(f"{path} is being removed: it is older than the releases that outputs.keep keeps") from error
    except (OSError, StorageError) as error:
        if Path(path).resolve() != folder:  # `latest` has moved on, and the release that it named is gone
            return load_release(path, verify=verify)
        raise ReleaseError(
            f"{path} is not a release: a release's folder has a release.json, such as outputs/<job>/latest ({error})"
        ) from error
    if not isinstance(record, dict) or not {"config", "classes", "files"} <= set(record):
        raise ReleaseError(f"{path} is not a release: its release.json is not of the form that a release's has")
    release = Release(folder, record, hold)
    if verify:
        from dcgan.release.verify import verify as check  # noqa: PLC0415 (verify reads releases too)

        check(folder)
    return release


class Release:
    """An immutable dataset of synthetic images, which stays for as long as this object is in use."""

    def __init__(self, path: Path, record: dict[str, Any], hold: Hold) -> None:
        self.path = path
        self.record = record
        self._hold = hold

    def __repr__(self) -> str:
        num_images = sum(released(entry) for entry in self.record["classes"].values())
        return f"Release({str(self.path)!r}, {num_images} images of {len(self.class_names)} classes)"

    @functools.cached_property
    def config(self) -> JobConfig:
        """The resolved job that made it."""
        return parse_job(self.record["config"], where=str(self.path / "release.json"))

    @property
    def class_names(self) -> list[str]:
        """All classes of the job, sorted; a label is an index into this list."""
        return list(self.record["classes"])

    @functools.cached_property
    def manifest(self) -> pd.DataFrame:
        """One row per image."""
        return pd.read_parquet(self.path / "manifest.parquet")

    @functools.cached_property
    def images(self) -> formats.Images:
        """Its images one by one, by the manifest's paths."""
        return formats.Images(self.path)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """All images uint8 (N, H, W, C), and labels int64 (N,), in the manifest's order.

        Raises:
            ReleaseError: an image is missing, or is not of the size that the release says.
        """
        paths = self.manifest["path"].to_list()
        images = np.empty((len(paths), *self.image_shape), np.uint8)

        def read(positions: list[int]) -> None:
            chosen = [paths[position] for position in positions]
            for position, image in zip(positions, self.images.arrays(chosen), strict=True):
                if image.shape != self.image_shape:
                    told = f"{image.shape}, expected {self.image_shape}"
                    raise ReleaseError(f"{self.path}: {paths[position]} is {told}. `dcgan verify` tells more.")
                images[position] = image

        with ThreadPoolExecutor(NUM_THREADS) as pool:
            for _ in pool.map(read, formats.batches(paths)):
                pass
        return images, self.manifest["class_index"].to_numpy(np.int64)

    def real(self, source: str | Path | None = None, *, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
        """The job's real images, converted and split just as when the GANs were trained.

        Args:
            source: where the real images are; by default where the job found them.
            split: "train", or "holdout" for those that no GAN saw: test on these only.

        Returns:
            Images uint8 (N, H, W, C) and labels int64 (N,), indices into `class_names`.

        Raises:
            InputError, ConfigError: the source cannot be read.
        """
        from dcgan.data.split import read_split  # noqa: PLC0415 (readers of arrays need no catalogue)

        data = self.config.data
        if source is not None:
            data = data.model_copy(update={"source": source if is_url(source) else str(Path(source).resolve())})
        images, labels = read_split(data, self.image_shape, split)
        known = {label: number for number, label in enumerate(self.class_names)}
        kept = [number for number, label in enumerate(labels) if label in known]
        return images[kept], np.array([known[labels[number]] for number in kept], np.int64)

    def dataset(
        self,
        real: str | Path | tuple[np.ndarray, np.ndarray] | None = None,
        *,
        batch_size: int = 64,
        seed: int = 0,
        synthetic: bool = True,
    ) -> tf.data.Dataset:
        """Real training images and synthetic ones, shuffled anew each epoch.

        An image that weighs as much as several, such as a real one of a rare class, comes as often in an epoch instead:
        one that moved a step thirty times as far as others would spoil the training.

        Args:
            real: where the real images are (default: where the job found them), or images uint8 (N, H, W, C) and
                labels int64 (N,). Held-out images are left out, so that they can be tested on.
            batch_size: images per batch.
            seed: of the shuffling.
            synthetic: with the synthetic images. False: what to compare with.

        Returns:
            Batches of (images float32 (B, H, W, C) in 0 to 255, labels int64 (B,), weights float32 (B,)). The
            weights give every class the same total and average 1: `model.fit` takes them as sample weights. Within a
            class, the synthetic images weigh `synthetic_share` of it together: what the gate measured with.

        Raises:
            ConfigError: TensorFlow is not installed.
        """
        with extras.needed_for("Release.dataset"):
            import tensorflow as tf  # noqa: PLC0415 (the other methods need no TensorFlow, and need not wait for it)

        real_images, real_labels = real if isinstance(real, tuple) else self.real(real)
        images, labels = self.arrays() if synthetic else (real_images[:0], real_labels[:0])
        with tf.device("CPU"):  # where tf.data works, and where there is room
            all_images = tf.constant(np.concatenate([real_images, images]))
            all_labels = tf.constant(np.concatenate([real_labels, labels]))
        weights = self._weights(real_labels, labels)
        times = np.maximum(1, np.rint(weights)).astype(np.int64)
        rows = np.repeat(np.arange(len(weights)), times)
        of_rows = (weights / times)[rows] * (len(rows) / weights.sum())

        def batch_of(some: tf.Tensor, weights_of_some: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            return tf.cast(tf.gather(all_images, some), tf.float32), tf.gather(all_labels, some), weights_of_some

        dataset = tf.data.Dataset.from_tensor_slices((rows, of_rows.astype(np.float32)))
        batches = dataset.shuffle(len(rows), seed=seed).batch(batch_size)
        return batches.map(batch_of, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    def _weights(self, real_labels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Weights float32 of the real images and then the synthetic ones: equal by class, `synthetic_share` within."""
        num_classes = len(self.class_names)
        num_real, num_synthetic = (np.bincount(of, minlength=num_classes) for of in (real_labels, labels))
        share = np.array([entry["synthetic_share"] for entry in self.record["classes"].values()])
        share = np.where(num_real == 0, 1.0, np.where(num_synthetic == 0, 0.0, share))
        of_class = (len(real_labels) + len(labels)) / np.count_nonzero(num_real + num_synthetic)
        of_real = of_class * (1 - share) / np.maximum(num_real, 1)
        of_synthetic = of_class * share / np.maximum(num_synthetic, 1)
        return np.concatenate([of_real[real_labels], of_synthetic[labels]]).astype(np.float32)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of all its images."""
        height, width = self.record["image_size"]
        return height, width, self.record["channels"]
