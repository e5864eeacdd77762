"""The shared base of another job, which tonight's begins with: `training.base_from`.

<run or release>/base/
├── model.npz    its networks
├── seen.bin     which real images it has seen, see `dcgan.data.lineage`
└── about.json   `BaseRecord`

It may come from anybody, so no more is read of it than must be there.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from dcgan.config import ResolvedJob
from dcgan.data import lineage, unlabelled
from dcgan.data.split import HOLDOUT, TRAIN, image_shape
from dcgan.errors import ConfigError
from dcgan.files import storage
from dcgan.run import records
from dcgan.run.paths import BASE_FILES, Run
from dcgan.run.records import BaseRecord
from dcgan.text import counted

MODEL, SEEN, ABOUT = BASE_FILES
MAX_MODEL_BYTES = 2**31  # the largest network has 1.5 GB
MAX_SEEN_BYTES = 8 * 100_000_000
MAX_ABOUT_BYTES = 10_000


@dataclass(frozen=True)
class GivenBase:
    """A base that is begun with."""

    folder: Path
    about: BaseRecord

    @property
    def model(self) -> bytes:
        """Content of `model.npz`."""
        return _read(self.folder / MODEL, MAX_MODEL_BYTES)

    @property
    def seen(self) -> np.ndarray:
        """The real images that it has seen: uint64 (n,)."""
        content = _read(self.folder / SEEN, MAX_SEEN_BYTES)
        if storage.sha256_bytes(content) != self.about.seen_sha256 or len(content) % lineage.BYTES:
            raise ConfigError(f"{self.folder / SEEN} is not what {ABOUT} says: the base is damaged")
        return lineage.from_bytes(content)


def of_job(job: ResolvedJob) -> GivenBase | None:
    """The base that a job begins its own with; None if it begins with random weights.

    Raises:
        ConfigError: there is none in that folder, or its networks are of another form than the job's.
    """
    if job.training.base_from is None:
        return None
    folder = Path(job.training.base_from, "base")
    about = _about(folder)
    mine = {"width": job.training.width, "latent_dim": job.training.latent_dim}
    theirs = {name: getattr(about, name) for name in mine}
    if mine != theirs:
        raise ConfigError(
            f"training.base_from {folder.parent}: its networks have {_in_words(theirs)}, and this job's "
            f"{_in_words(mine)}: set training.width and training.latent_dim to theirs"
        )
    return GivenBase(folder, about)


def require_fit(job: ResolvedJob, shape: tuple[int, int, int], held_out: np.ndarray) -> None:
    """Check that the given base, if any, makes such images, and has seen none that is held out.

    Args:
        job: resolved.
        shape: (H, W, C) of the job's images.
        held_out: its held-out images, see `dcgan.data.lineage`.

    Raises:
        ConfigError: it does not fit.
    """
    given = of_job(job)
    if given is None:
        return
    where = f"training.base_from {job.training.base_from}"
    if given.about.image_shape != shape:
        theirs, mine = (
            f"{height} x {width} px, {'grey' if channels == 1 else 'RGB'}"
            for height, width, channels in (given.about.image_shape, shape)
        )
        raise ConfigError(
            f"{where}: its images are {theirs}, and this job's {mine}: set data.image_size and data.channels to theirs"
        )
    if seen := int(np.isin(held_out, given.seen).sum()):
        raise ConfigError(
            f"{where}: it has seen {counted(seen, 'image')} that this job holds out, so that the proof would prove "
            "nothing: begin with another base, or hold out other images"
        )


def take_in(run: Run, job: ResolvedJob) -> None:
    """Check the given base, if any, and copy it into the run, which is split.

    Raises:
        ConfigError: see `of_job` and `require_fit`.
    """
    given = of_job(job)
    if given is not None and not run.given_base.exists():
        table = pd.read_parquet(run.split_table)
        held_out = lineage.codes(table.loc[table["split"] == HOLDOUT, "image_sha256"])
        require_fit(job, image_shape(run), held_out)
        with storage.whole_folder(run.given_base) as temporary:
            storage.write_bytes(temporary / MODEL, given.model)
            storage.write_bytes(temporary / SEEN, lineage.to_bytes(given.seen))
            records.write(temporary / ABOUT, given.about)


def load(run: Run, job: ResolvedJob) -> dict[str, np.ndarray] | None:
    """The networks that the run's base begins with, by name; None: random weights.

    Raises:
        ConfigError: the file does not hold the job's networks.
    """
    from dcgan.networks.weights import read_weights  # noqa: PLC0415 (imports TensorFlow, which `check` must not)

    if not run.given_base.exists():
        return None
    content = io.BytesIO((run.given_base / MODEL).read_bytes())
    try:
        return read_weights(content, job.training, image_shape(run)).arrays
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"training.base_from {job.training.base_from}: {MODEL} is not a base's: {error}") from error


def describe(run: Run, job: ResolvedJob) -> None:
    """Leave beside the run's own base what another job must know of it.

    It has seen the training images of all classes, those without labels, and whatever the given base had seen.
    """
    table = pd.read_parquet(run.split_table)
    seen = [lineage.codes(table.loc[table["split"] == TRAIN, "image_sha256"]), unlabelled.codes(run)]
    if run.given_base.exists():
        seen.append(lineage.from_bytes((run.given_base / SEEN).read_bytes()))
    content = lineage.to_bytes(np.unique(np.concatenate(seen)))
    height, width, channels = image_shape(run)
    storage.write_bytes(run.base / SEEN, content)
    about = BaseRecord(
        image_size=(height, width),
        channels=channels,
        width=job.training.width,
        latent_dim=job.training.latent_dim,
        seen_sha256=storage.sha256_bytes(content),
    )
    records.write(run.base / ABOUT, about)


def _about(folder: Path) -> BaseRecord:
    if not folder.is_dir():
        raise ConfigError(
            f"training.base_from {folder.parent} has no shared base: expected the folder of a run that trained one, or "
            "of a release of a job with outputs.base: true"
        )
    try:
        return BaseRecord.model_validate_json(_read(folder / ABOUT, MAX_ABOUT_BYTES))
    except ValidationError as error:
        raise ConfigError(f"{folder / ABOUT} does not describe a shared base: {error}") from error


def _read(path: Path, max_bytes: int) -> bytes:
    """A plain file's content.

    Raises:
        ConfigError: it is missing, no plain file, or larger.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > max_bytes:
                raise ConfigError(f"{path} is no plain file of at most {max_bytes:,} bytes")
            return file.read(max_bytes)
    except OSError as error:
        raise ConfigError(f"{path} of training.base_from cannot be read: {error.strerror}") from error


def _in_words(form: dict[str, int]) -> str:
    return " and ".join(f"{name} {value}" for name, value in form.items())
