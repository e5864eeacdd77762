"""From a release's models alone, without the training data: its images again, and more of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dcgan.curation.filters import BY_NAME, CRITIC, Candidates, Filters, pixel_hash, without_real_images
from dcgan.curation.parts import MAX_TRIES
from dcgan.errors import ReleaseError
from dcgan.execution.progress import OnProgress, no_report
from dcgan.files import storage
from dcgan.generation.model import CHUNK, Model
from dcgan.generation.png import encode, image_id
from dcgan.release import formats
from dcgan.release.formats import image_path
from dcgan.release.reader import Release

MAX_MODEL_BYTES = 2**31  # of a model's file; of these, as many are read as its networks take


@dataclass(frozen=True)
class Regenerated:
    """One image of a release, made again."""

    image_id: str
    path: str
    """Its path in a release that has its images as files."""
    png: bytes
    same_bytes: bool
    """Whether these are the bytes that were released."""
    difference: int
    """Of any channel of any pixel from the released image, at most; 0 to 255."""


@dataclass(frozen=True)
class Sampled:
    """What more was made of one class."""

    accepted: int
    """Images."""
    rejected: dict[str, int]
    """Candidates, by reason."""


def regenerate(release: Release, image_ids: Sequence[str] = ()) -> Iterator[Regenerated]:
    """Make images of a release again, in the manifest's order.

    Args:
        release: with its models.
        image_ids: which; none: all of them.

    Raises:
        ReleaseError: the manifest has no such image, or a model is missing or has changed.
    """
    rows = release.manifest
    if unknown := sorted(set(image_ids) - set(rows["image_id"])):
        raise ReleaseError(f"{release.path}: the manifest has no image {', '.join(unknown)}")
    rows = rows[rows["image_id"].isin(list(image_ids))] if image_ids else rows
    for label, of_class in rows.groupby("label", sort=False):
        model = load_model(release, str(label))
        for chunk, in_chunk in of_class.groupby(of_class["index"] // CHUNK, sort=False):
            candidates = model.candidates(release.config.generation, str(label), int(str(chunk)))
            for row in in_chunk.to_dict("records"):
                image = candidates[row["index"] % CHUNK]
                png = _encode(release, image, str(label), row["index"], model)
                same = storage.sha256_bytes(png) == row["image_sha256"]
                difference = 0 if same else _difference(release, row["path"], image)
                yield Regenerated(row["image_id"], image_path(str(label), row["image_id"]), png, same, difference)


def sample(
    release: Release, counts: Mapping[str, int], folder: Path, on_progress: OnProgress = no_report
) -> dict[str, Sampled]:
    """Make more images than a release has, by the same models, as candidates after the last that the job tried.

    Blank images, those that the critic likes less, and duplicates of a released or earlier image are rejected by the
    thresholds of the release. The real images are not at hand: what is measured against them is no reason here.

    Args:
        release: with its models.
        counts: images wanted, by class.
        folder: to write, whole or not at all: `images/<class>/*.png` and `manifest.csv`.
        on_progress: called with images made.

    Returns:
        What was made, by class.

    Raises:
        ReleaseError: the release has no model of a class, or too few candidates were fit.
    """
    models = {label: load_model(release, label) for label in counts}
    rows: list[dict[str, str | int]] = []
    made: dict[str, Sampled] = {}
    with storage.whole_folder(folder) as temporary:
        for label, count in counts.items():
            (temporary / image_path(label, "")).parent.mkdir(parents=True)
            rejected: dict[str, int] = {}
            accepted = _more(release, label, models[label], count, rejected)
            for index, image in accepted:
                png = _encode(release, image, label, index, models[label])
                path = image_path(label, image_id(label, index))
                (temporary / path).write_bytes(png)
                rows.append(
                    {
                        "image_id": image_id(label, index),
                        "path": path,
                        "label": label,
                        "index": index,
                        "model_sha256": models[label].sha256,
                        "image_sha256": storage.sha256_bytes(png),
                    }
                )
                on_progress({"stage": "sample", "done": len(rows), "total": sum(counts.values()), "unit": "images"})
            made[label] = Sampled(count, rejected)
        pd.DataFrame(rows).to_csv(temporary / "manifest.csv", index=False)
    return made


def load_model(release: Release, label: str) -> Model:
    """The model that made a class's images.

    Raises:
        ReleaseError: there is none of that class, or it has changed.
    """
    entry = release.record.classes.get(label)
    if entry is None or not entry.released:
        shipped = [name for name, other in release.record.classes.items() if other.released]
        raise ReleaseError(f"{release.path} has no images of class {label!r}; it has of {', '.join(shipped)}")
    name = formats.model_path(label)
    training = release.config.training
    try:
        with release.folder.open(name, MAX_MODEL_BYTES) as file:
            model = Model(file, training, release.image_shape)
    except Exception as error:  # a dozen kinds, by which part of the file is damaged
        problem = f"{release.path / name} cannot be read: {error!r}. `dcgan verify` says more."
        raise ReleaseError(problem) from error
    if model.sha256 != entry.model_sha256:
        raise ReleaseError(f"{release.path / name} has changed since it was released. `dcgan verify` says more.")
    return model


def _more(
    release: Release, label: str, model: Model, count: int, rejected: dict[str, int]
) -> Iterator[tuple[int, np.ndarray]]:
    """`count` fit candidates with their indices; counts the others by reason in `rejected`."""
    entry = release.record.classes[label]
    manifest = release.manifest
    released = release.images.arrays(manifest.loc[manifest["label"] == label, "path"].to_list())
    with_critic = CRITIC in entry.thresholds
    # Distances to the real images are not known, and are no reason.
    names = release.config.curation.filters
    if odd := [name for name in names if name not in BY_NAME]:
        raise ReleaseError(f"{release.path}: this version has no filter {', '.join(odd)}, and so no way to go on")
    filters = Filters(entry.thresholds, without_real_images(names))
    filters.have_seen(np.array([pixel_hash(image) for image in released], np.int64))
    first = entry.tried
    last = first + count * MAX_TRIES
    found = 0
    for chunk in range(first // CHUNK, last // CHUNK + 1):
        images = model.candidates(release.config.generation, label, chunk)
        indices = range(max(first, chunk * CHUNK), min(last, (chunk + 1) * CHUNK))
        images = images[indices.start - chunk * CHUNK : indices.stop - chunk * CHUNK]
        unknown = np.zeros(len(images), np.float32)
        scores = model.critic_scores(images) if with_critic else None
        try:
            reasons = filters.reasons(Candidates(images, unknown, unknown, unknown, scores))
        except KeyError as error:
            raise ReleaseError(f"{release.path}: class {label!r} has no threshold {error}") from error
        for index, image, reason in zip(indices, images, reasons, strict=True):
            if reason:
                rejected[reason] = rejected.get(reason, 0) + 1
                continue
            yield index, image
            found += 1
            if found == count:
                return
    raise ReleaseError(f"class {label!r}: short: accepted {found} of {count} in {last - first} tries ({rejected})")


def _encode(release: Release, image: np.ndarray, label: str, index: int, model: Model) -> bytes:
    return encode(image, job=release.record.job, label=label, index=index, model_sha256=model.sha256)


def _difference(release: Release, path: str, image: np.ndarray) -> int:
    [released] = release.images.arrays([path])
    return int(np.abs(released.astype(int) - image.astype(int)).max())
