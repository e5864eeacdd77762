"""Reading a release: a table, arrays, or a `tf.data.Dataset` together with the real images."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dcgan import extras
from dcgan.config import ResolvedJob, parse_resolved
from dcgan.errors import ConfigError, ReleaseError
from dcgan.execution import randomness
from dcgan.files.urls import is_url
from dcgan.release import formats, guessed
from dcgan.release.contents import Contents, open_release
from dcgan.release.source import recorded
from dcgan.release.verify import check
from dcgan.run.records import Recipe
from dcgan.text import listed

if TYPE_CHECKING:
    import tensorflow as tf

log = logging.getLogger(__name__)


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
            source, unlabelled, root = str(data.pop("source")), data.pop("unlabelled", None), str(outputs.pop("root"))
            # None is opened here: what a job may name today does not matter to a release of long ago.
            values = recorded | {"data": data | {"source": "."}, "outputs": outputs | {"root": "."}}
            job = parse_resolved(values, where=str(self.path / "release.json"))
        except (ConfigError, KeyError, TypeError, ValueError) as error:
            raise ReleaseError(f"{self.path}: its job, `config` in release.json, is not one: {error}") from error
        parts = {
            "data": job.data.model_copy(update={"source": source, "unlabelled": unlabelled and str(unlabelled)}),
            "outputs": job.outputs.model_copy(update={"root": root}),
        }
        return job.model_copy(update=parts)

    @property
    def recipe(self) -> Recipe:
        """What to train with, as its job found on held-out real images; of an older release, with its images alone."""
        advice = self.record.advice
        return advice.recipe if advice else Recipe(synthetic=0.5)  # how much of each class, the classes say

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

        with ThreadPoolExecutor(self.images.num_threads) as pool:
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
            source = recorded(
                self.config.data.source, self, self.config, "them as `real=` (`source=` of `release.real`)"
            )
        data = self.config.data.model_copy(update={"source": _whole(source)})
        images, labels = read_split(data, self.image_shape, split)
        known = {label: number for number, label in enumerate(self.class_names)}
        kept = [number for number, label in enumerate(labels) if label in known]
        return images[kept], np.array([known[labels[number]] for number in kept], np.int64)

    def guessed(self, source: str | Path | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The job's images without labels whose labels were guessed, converted as when classifiers were trained.

        Args:
            source: where the images without labels are, a path or a URL. By default as for `real`.

        Returns:
            Images uint8 (N, H, W, C) and guessed labels int64 (N,), indices into `class_names`; none if none were
            measured. An image that is gone or has changed since is left out, with a warning.

        Raises:
            ReleaseError: no source is given, and the release does not lie in its own job's outputs; or its list of
                guessed labels is not one.
            InputError: there is no such folder.
        """
        table = guessed.read(self)
        if table.empty:
            return np.empty((0, *self.image_shape), np.uint8), np.empty(0, np.int64)
        from dcgan.data import unlabelled  # noqa: PLC0415 (readers of arrays need no catalogue)

        if source is None:
            recorded_place = self.config.data.unlabelled or ""
            how = "the folder as `unlabelled=` (`source=` of `release.guessed`)"
            source = recorded(recorded_place, self, self.config, how)
        data = self.config.data.model_copy(update={"unlabelled": _whole(source)})
        images, rows = unlabelled.read_again(data, self.image_shape, table)
        if gone := len(table) - len(rows):
            log.warning("%s: %d of %d images without labels are gone from %s, or have changed",
                        self.path, gone, len(table), source)  # fmt: skip
        number_of = {label: number for number, label in enumerate(self.class_names)}
        return images, table["label"].iloc[rows].map(number_of).to_numpy(np.int64)

    def dataset(
        self,
        real: str | Path | tuple[np.ndarray, np.ndarray] | None = None,
        *,
        unlabelled: str | Path | None = None,
        batch_size: int = 64,
        seed: int = 0,
        synthetic: bool | None = None,
        guessed: bool | None = None,
        mixup: bool | None = None,
        augmentation: Sequence[str] | None = None,
    ) -> tf.data.Dataset:
        """Endless batches of real training images and synthetic ones, as the job's classifiers were trained with.

        Every class is drawn equally often, and its synthetic images as often as was measured: those of a class of
        twenty real images are not all that is learnt of it. The same holds for images with guessed labels.

        Args:
            real: where the real images are (default: see `real`), or images uint8 (N, H, W, C) and labels int64 (N,).
                Held-out images are left out, so that they can be tested on.
            unlabelled: where the images without labels are (default: see `guessed`).
            batch_size: images per batch.
            seed: of the draws.
            synthetic: whether with the synthetic images. None: as the release advises.
            guessed: whether with images whose labels were guessed. None: as the release advises.
            mixup: whether images and labels are mixed (Zhang et al. 2018). None: as the release advises.
            augmentation: classical augmentations, by the names of the job file. None: those that the release advises
                beyond `gate.augmentation`, which is left to the model.

        Returns:
            Batches of (images float32 (B, H, W, C) in 0 to 255, targets float32 (B, K)): one-hot labels, or mixed ones.
            For `model.fit(..., steps_per_epoch=...)` and `CategoricalCrossentropy`.

        Raises:
            ConfigError: TensorFlow is not installed.
            ReleaseError: there is no image to train on, or no such augmentation; or see `real` and `guessed`.
        """
        with extras.needed_for("Release.dataset"):
            import tensorflow as tf  # noqa: PLC0415 (the other methods need no TensorFlow, and need not wait for it)

            from dcgan.networks.augmentation import AUGMENTATIONS, augment, mix  # noqa: PLC0415
            from dcgan.networks.batches import Batches, Pools, to_float  # noqa: PLC0415

        advised = self.recipe
        if augmentation is None:
            augmentation = [kind for kind in advised.augmentation if kind not in self.config.gate.augmentation]
        if unknown := sorted({*augmentation} - {*AUGMENTATIONS}):
            raise ReleaseError(f"{self.path}: no augmentation is called {listed(unknown)}; there are "
                               f"{listed([*AUGMENTATIONS])}")  # fmt: skip
        if synthetic is None and not advised.synthetic:
            log.warning("%s: its synthetic images are not among the batches, as it advises to train without them. "
                        "synthetic=True takes them.", self.path)  # fmt: skip
        with_synthetic = bool(advised.synthetic) if synthetic is None else synthetic
        with_mixup = advised.mixup if mixup is None else mixup

        real_images, real_labels = real if isinstance(real, tuple) else self.real(real)
        images, labels = self.arrays() if with_synthetic else (real_images[:0], real_labels[:0])
        num_classes = len(self.class_names)
        with_guessed = bool(advised.guessed) if guessed is None else guessed
        other_images, other_labels = self.guessed(unlabelled) if with_guessed else (real_images[:0], real_labels[:0])
        num_real, num_made, num_others = (
            np.bincount(some, minlength=num_classes) for some in (real_labels, labels, other_labels)
        )
        present = np.flatnonzero(num_real + num_made)
        if not len(present):
            raise ReleaseError(f"{self.path}: no real image and no synthetic one, so there is nothing to train on")
        entries = self.record.classes.values()
        of_made = np.array([entry.synthetic_share for entry in entries])
        of_others = np.array([entry.evidence.guessed_share if entry.evidence else 0.0 for entry in entries])
        of_made = np.where(num_real == 0, 1.0, np.where(num_made == 0, 0.0, of_made))
        of_others = np.where(num_others == 0, 0.0, of_others)
        with tf.device("CPU"):  # where tf.data works, and where there is room
            batches = Batches(
                [real_images[real_labels == number] for number in present],
                Pools([images[labels == number] for number in present], of_made[present].tolist()),
                Pools([other_images[other_labels == number] for number in present], of_others[present].tolist()),
                stream=randomness.stream(seed, "", "dataset"),
            )
        of_mixup = randomness.stream(seed, "", "mixup of the dataset")
        of_augmentation = randomness.stream(seed, "", "augmentation of the dataset")

        def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            pixels, rows = batches.pick(step, batch_size)
            drawn, targets = tf.cast(pixels, tf.float32), tf.one_hot(tf.gather(present, rows), num_classes)
            if augmentation:
                bent = augment(to_float(pixels), augmentation, tf.constant(of_augmentation, tf.int64), step)
                drawn = (bent + 1.0) * 127.5
            return mix(drawn, targets, tf.constant(of_mixup, tf.int64), step) if with_mixup else (drawn, targets)

        return tf.data.Dataset.counter().map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _whole(place: str | Path) -> str:
    """A URL, or a whole path."""
    return str(place) if is_url(place) else str(Path(place).resolve())
