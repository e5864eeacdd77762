"""Augmentation serves the discriminator and must not show in the samples: no shift, no cut-out, no other brightness.

Real images with a white frame, a black gap and a digit show each of these at once: a shift would put black into the
frame or the frame into the gap, a cut-out grey into all three, another brightness or contrast grey into frame or gap.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from dcgan.config import GenerationConfig
from dcgan.generation.model import Model
from dcgan.training.stage import train_class
from tests.unit.training.test_stage import ignore, prepared

FRAME = np.ones((16, 16), bool)
FRAME[2:-2, 2:-2] = False
GAP = ~FRAME
GAP[4:12, 4:12] = False


def test_no_augmentation_shows_in_the_samples(tmp_path: Path) -> None:
    digits = load_digits()
    for label in (0, 1):
        folder = tmp_path / "images" / str(label)
        folder.mkdir(parents=True)
        for number, digit in enumerate(digits.images[digits.target == label]):
            picture = np.where(FRAME, 255, 0).astype(np.uint8)
            picture[4:12, 4:12] = digit * 255 / 16
            Image.fromarray(picture).save(folder / f"{number}.png")
    kinds = ["translation", "brightness", "contrast", "cutout"]
    changes = {"class_steps": 600, "width": 16, "latent_dim": 16, "batch_size": 32, "log_steps": 25}
    run, job = prepared(tmp_path, changes | {"learning_rate": 1e-3, "augmentation": tuple(kinds)})
    train_class(run, job, "0", None, ignore)

    with run.model("0").open("rb") as file:
        model = Model(file, job.training, (16, 16, 1))
    samples = np.concatenate([model.candidates(GenerationConfig(), "0", chunk) for chunk in range(4)])[..., 0].astype(
        float
    )
    real = np.load(run.train_images("0"))[..., 0].astype(float)
    frames, gaps = samples[:, FRAME].mean(1), samples[:, GAP].mean(1)
    assert frames.min() > 245  # black from outside the picture, or a cut-out over a corner, would take more than that
    assert gaps.max() < 10
    assert abs(samples.mean() - real.mean()) < 3
    assert samples.mean((1, 2)).std() < 1.5 * real.mean((1, 2)).std()
