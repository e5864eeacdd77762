"""Reading a release: a table, arrays, or a `tf.data.Dataset` together with the real images."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dcgan import extras
from dcgan.config import ResolvedJob, parse_resolved
from dcgan.errors import ConfigError, ReleaseError
from dcgan.files.urls import is_url
from dcgan.release import formats
from dcgan.release.contents import Contents, open_release
from dcgan.release.source import recorded_source
from dcgan.release.verify import check

if TYPE_CHECKING:
    import tensorflow as tf

NUM_THREADS = 4  # decoding PNG lets go of the interpreter's lock


def load_release(path: str | Path, *, verify: bool = False) -> Release:
    """Open a release.

    Args:
        path: folder of a release, or a job's `latest`, also as a URL, of which a local copy is then read. The name is
            resolved now: a release that is published later does not change what this one reads, and does not remove it
            while the object that this gives is in use.
        verify: check every byte against the checksums first. They say that a release is as it was published, and not
            who published it.

    Raises:
        ReleaseError: it is no release, is incomplete or, with `verify`, has changed.
    """
    release = open_release(path, Release)
    if verify:
        check(release, path)
    return release


class Release(Contents):
    """An immutable dataset of synthetic images, which stays for as long as this object is in use."""

    def __repr__(self) -> str:
        return f"Release({str(self.path)!r}, {self.num_images} images of {len(self.class_names)} classes)"

    @functools.cached_property
    def config(self) -> ResolvedJob:
        """The resolved job that made it.

        Raises:
            ReleaseError: it is not a job that this version reads.
        """
        recorded = self.record.config
        try:
            data, outputs = dict(recorded["data"]), dict(recorded["outputs"])
            source, root = str(data.pop("source")), str(outputs.pop("root"))
            # Neither is opened here: what a job may name today does not matter to a release of long ago.
            values = recorded | {"data": data | {"source": "."}, "outputs": outputs | {"root": "."}}
            job = parse_resolved(values, where=str(self.path / "release.json"))
        except (ConfigError, KeyError, TypeError, ValueError) as error:
            raise ReleaseError(f"{self.path}: its job, `config` in release.json, is not one: {error}") from error
        parts = {
            "data": job.data.model_copy(update={"source": source}),
            "outputs": job.outputs.model_copy(update={"root": root}),
        }
        return job.model_copy(update=parts)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """All images uint8 (N, H, W, C), and labels int64 (N,), in the manifest's order.

        Raises:
            ReleaseError: an image is missing, or is not of the size that the release says.
        """
        paths = self.manifest["path"].to_list()
        try:
            images = np.empty((len(paths), *self.image_shape), np.uint8)
        except MemoryError as error:
            raise ReleaseError(
                f"{self.path}: {len(paths):,} images of {self.image_shape} do not fit into memory at once. Read them "
                "some at a time: release.images.arrays(paths)"
            ) from error

        def read(positions: list[int]) -> None:
            chosen = [paths[position] for position in positions]
            for position, image in zip(positions, self.images.arrays(chosen), strict=True):
                images[position] = image

        with ThreadPoolExecutor(NUM_THREADS) as pool:
            for _ in pool.map(read, formats.batches(paths)):
                pass
        return images, self.manifest["class_index"].to_numpy(np.int64)

    def real(self, source: str | Path | None = None, *, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
        """The job's real images, converted and split just as when the GANs were trained.

        Args:
            source: where the real images are, a path or a URL. By default where the job found them, which is opened
                only for a release in its own job's outputs: elsewhere, what a release records is not to be trusted.
            split: "train", or "holdout" for those that no GAN saw: test on these only.

        Returns:
            Images uint8 (N, H, W, C) and labels int64 (N,), indices into `class_names`.

        Raises:
            ReleaseError: no source is given, and the release does not lie in its own job's outputs.
            InputError, ConfigError: the source cannot be read.
        """
        from dcgan.data.split import read_split  # noqa: PLC0415 (readers of arrays need no catalogue)

        if source is None:
            source = recorded_source(self, self.config)
        data = self.config.data.model_copy(update={"source": source if is_url(source) else str(Path(source).resolve())})
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
            real: where the real images are (default: see `real`), or images uint8 (N, H, W, C) and labels int64 (N,).
                Held-out images are left out, so that they can be tested on.
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
        share = np.array([entry.synthetic_share for entry in self.record.classes.values()])
        share = np.where(num_real == 0, 1.0, np.where(num_synthetic == 0, 0.0, share))
        of_class = (len(real_labels) + len(labels)) / np.count_nonzero(num_real + num_synthetic)
        of_real = of_class * (1 - share) / np.maximum(num_real, 1)
        of_synthetic = of_class * share / np.maximum(num_synthetic, 1)
        return np.concatenate([of_real[real_labels], of_synthetic[labels]]).astype(np.float32)
