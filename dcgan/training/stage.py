"""The training stage: from a class's images to the weights that generate it."""

from __future__ import annotations

import json
import math
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dcgan import pictures, randomness, storage
from dcgan.batches import Batches, to_uint8
from dcgan.config import JobConfig
from dcgan.errors import TrainingError
from dcgan.networks import fold
from dcgan.paths import Run
from dcgan.progress import OnProgress
from dcgan.split import labels_with_images
from dcgan.training import snapshots
from dcgan.training.gan import Gan

BASE = "\x00base"  # no class can have this name, so that the base's draws are apart from every class's
GRID_COLUMNS = 8  # sample grids are 8 x 8 images of fixed latents
NUM_GRIDS = 8  # sample grids written over one training


def train_base(run: Run, config: JobConfig, on_progress: OnProgress) -> dict[str, Any]:
    """Train the shared base on the training images of all classes, every class drawn equally often."""
    images = [np.load(run.train_images(label)) for label in labels_with_images(run)]
    steps = config.training.base_steps
    assert steps is not None
    return _train(run.base, BASE, images, steps, config, None, on_progress)


def train_class(run: Run, config: JobConfig, label: str, on_progress: OnProgress) -> dict[str, Any]:
    """Train one class, from the shared base where there is one."""
    images = [np.load(run.train_images(label))]
    steps = config.training.class_steps
    assert steps is not None
    start = None
    if config.training.base:
        if (newest := snapshots.load_newest(run.base)) is None:
            raise TrainingError(f"{run.base}: the shared base has no whole snapshot; remove this folder and run again")
        start = fold(newest[1], labels_with_images(run).index(label))
    return _train(run.training(label), label, images, steps, config, start, on_progress)


def _train(
    folder: Path,
    label: str,
    images: Sequence[np.ndarray],
    num_steps: int,
    config: JobConfig,
    start: Mapping[str, np.ndarray] | None,
    on_progress: OnProgress,
) -> dict[str, Any]:
    """Train in `folder`, from its newest snapshot where there is one, and leave `model.npz` and `record.json`.

    Args:
        folder: of this training.
        label: class name, or `BASE`.
        images: uint8 (n, H, W, C), one array per class: several for the base, one for a class.
        num_steps: optimizer steps in all.
        config: resolved.
        start: networks to begin with; None: from random weights.
        on_progress: told after every stretch of steps.

    Raises:
        TrainingError: a loss is not finite.
    """
    record_file = folder / "record.json"
    if record_file.exists():
        return dict(storage.read_json(record_file))
    storage.remove_unfinished(folder)

    # Networks and data.
    training, seed = config.training, config.generation.seed
    assert training.log_steps and training.latent_dim and training.batch_size
    gan = Gan(training, images[0].shape[1:], num_classes=len(images) if len(images) > 1 else 0)
    batches = Batches(images, stream=randomness.stream(seed, label, "batch"))
    run_steps = gan.stretch(training, batches, seed, label, norms_learn=start is None)
    grid_latents = tf.random.stateless_normal(
        (GRID_COLUMNS**2, training.latent_dim), [randomness.stream(seed, label, "sample grid"), 0], alg="philox"
    )

    # Where to begin: the newest snapshot, the shared base, or the start of all.
    step = 0
    if (newest := snapshots.load_newest(folder)) is not None:
        step, arrays = newest
        gan.restore(arrays)
    elif start is not None:
        gan.start_from(start)
    else:
        gan.initialize(randomness.stream(seed, label, "weights"))

    # Train, a stretch of steps at a time; everything that looks at the GAN does so between stretches.
    journal = folder / "training.jsonl"
    seconds = _cut_journal(journal, step)
    grid_every = max(1, num_steps // NUM_GRIDS // training.log_steps) * training.log_steps
    last_snapshot = time.monotonic()
    while step < num_steps:
        count = min(training.log_steps, num_steps - step)
        began = time.monotonic()
        d_loss, g_loss = (float(loss) for loss in run_steps(tf.constant(step, tf.int64), tf.constant(count, tf.int64)))
        step += count
        elapsed = time.monotonic() - began
        seconds += elapsed
        rate = count * training.batch_size / elapsed
        if not (math.isfinite(d_loss) and math.isfinite(g_loss)):
            raise TrainingError(
                f"training diverged at step {step}: losses {d_loss} (discriminator) and {g_loss} (generator) must be "
                "finite. A smaller training.learning_rate usually helps."
            )
        with journal.open("a", encoding="utf-8") as file:
            row = {"step": step, "d_loss": d_loss, "g_loss": g_loss, "images_per_second": rate, "seconds": seconds}
            file.write(json.dumps(row) + "\n")
        on_progress({"done": step, "total": num_steps, "rate": rate, "d_loss": d_loss, "g_loss": g_loss})
        if step % grid_every == 0 or step == num_steps:
            samples = to_uint8(gan.sample(grid_latents)).numpy()
            picture = pictures.png(pictures.grid(samples, GRID_COLUMNS))
            storage.write_bytes(folder / "samples" / f"step-{step:08d}.png", picture)
        if time.monotonic() - last_snapshot >= training.snapshot_seconds or step == num_steps:
            snapshots.save(folder, step, gan.arrays())
            last_snapshot = time.monotonic()

    # What ships: the EMA generator, and the discriminator as critic.
    content = storage.pack_arrays(gan.shipped_arrays())
    storage.write_bytes(folder / "model.npz", content)
    record = {
        "steps": step,
        "seconds": round(seconds, 1),
        "images_per_second": round(step * training.batch_size / seconds, 1) if seconds else None,
        "num_images": sum(map(len, images)),
        "model_sha256": storage.sha256(folder / "model.npz"),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    storage.write_json(record_file, record)
    return record


def _cut_journal(journal: Path, step: int) -> float:
    """Drop what a killed process logged after its last snapshot; give the seconds trained until then."""
    if not journal.exists():
        journal.parent.mkdir(parents=True, exist_ok=True)
        return 0.0
    rows = []
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # half a line: the process died as it wrote
            break
        if row["step"] <= step:
            rows.append(row)
    storage.write_text(journal, "".join(json.dumps(row) + "\n" for row in rows))
    return float(rows[-1]["seconds"]) if rows else 0.0
