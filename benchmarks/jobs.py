"""A job begun by its own stages, for benchmarks and tests that go on from there, also with images of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from dcgan.config import GenerationConfig, ResolvedJob, ResolvedTraining, parse_job
from dcgan.curation.filters import Nearest, flat
from dcgan.files import pictures, storage
from dcgan.pipeline.night import Night
from dcgan.pipeline.order import Order, Start
from dcgan.pipeline.performing import perform
from dcgan.pipeline.stages import BASE, CATALOGUE, JUDGE, SPLIT, Portion
from dcgan.run import records, runs
from dcgan.run.paths import Run
from dcgan.run.records import GenerationRecord
from dcgan.training import snapshots


def begun(values: Mapping[str, Any]) -> tuple[Run, ResolvedJob]:
    """The run of a job file's content, up to its judge, and the resolved job; one that is there is gone on with."""
    job = parse_job(dict(values), where="benchmark").resolve(Path())
    run, _ = runs.open_run(job)
    for stage in (CATALOGUE, SPLIT, JUDGE):
        perform(stage, run, job)
    return run, job


def train_base(run: Run, job: ResolvedJob) -> None:
    """Train the shared base."""
    perform(BASE, run, job, Portion({"max_seconds": None}))


def order_of(run: Run, job: ResolvedJob, start: Start, chosen: Mapping[str, int]) -> Order:
    """The stages of a run, from where it stands.

    Args:
        run: its folder.
        job: resolved.
        start: performs them, such as `performing.by_threads`.
        chosen: images to make of each class that takes part.
    """
    order = Order(Night(run, job), start)
    order.chosen, order.left = dict(chosen), list(chosen)
    return order


def copied(run: Path, folder: Path) -> Run:
    """A copy of a run, in the place of what is in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    return Run(Path(shutil.copytree(run, folder)))


def last_step_model(run: Run, label: str) -> Path:
    """A class's `model.npz` as it would be if the last step shipped, not the best."""
    newest = snapshots.load_newest(run.training(label))
    assert newest
    ema = {name.replace("ema/", "generator/"): array for name, array in newest[0].items() if name.startswith("ema/")}
    shipped = storage.unpack_arrays(run.model(label).read_bytes())
    file = Path(tempfile.mkdtemp()) / "model.npz"
    file.write_bytes(storage.pack_arrays(shipped | ema))
    return file


def samples_of(
    file: Path,
    training: ResolvedTraining,
    draws: GenerationConfig,
    label: str,
    image_shape: tuple[int, int, int],
    count: int,
) -> np.ndarray:
    """The first candidates of a model, uncurated: uint8 (count, H, W, C)."""
    from dcgan.generation.model import CHUNK, Model  # noqa: PLC0415 (imports TensorFlow)

    with file.open("rb") as opened:
        model = Model(opened, training, image_shape)
    return np.concatenate([model.candidates(draws, label, chunk) for chunk in range(-(-count // CHUNK))])[:count]


def put_generated(run: Run, label: str, images: np.ndarray) -> None:
    """Put images, uint8 (N, H, W, C), where a class's generated ones stand.

    Args:
        run: split.
        label: class name.
        images: N at least 1; what was there before is over.
    """
    split = pd.read_parquet(run.split_table)
    split = split[(split["label"] == label) & (split["split"] == "train")].sort_values("row")
    distances, rows = Nearest(flat(np.load(run.train_images(label))))(flat(images))
    folder = run.generation(label)
    names = [f"{number:05d}" for number in range(len(images))]
    for name, image in zip(names, images, strict=True):
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        storage.write_bytes(folder / "images" / f"{name}.png", pictures.png(picture))
    table = pd.DataFrame(
        {
            "image_id": names,
            "nearest_real_distance": distances,
            "nearest_real_path": split["path"].to_numpy()[rows],
        }
    )
    table.to_parquet(folder / "rows.parquet", index=False)
    record = GenerationRecord(accepted=len(images), short=False, tried=len(images), seconds=0)
    records.write(folder / "record.json", record)
