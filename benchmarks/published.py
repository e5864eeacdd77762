"""The DCGAN paper's network on a set of the size that it is best known for: speed and memory of a real job.

  python benchmarks/published.py DATA [--steps 600] [--json FILE]

63,565 images of 64 x 64 x 3 (as many as a widely used set of anime faces has), made from the 32 x 32 colour images of
DATA (see `datasets.py`): enlarged, shifted and mirrored at random. They are one class, with a small second one, as a
job needs two. `dcgan train` trains the large class from random weights with latent 100 and width 64.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from benchmarks import common, datasets

NUM_IMAGES, NUM_OTHERS, SIDE = 63_565, 100, 64
LARGE = "faces"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp())

    # The set, and a job on it.
    images = enlarged(datasets.load(args.data)[0], NUM_IMAGES + NUM_OTHERS)
    labels = np.array([LARGE] * NUM_IMAGES + ["others"] * NUM_OTHERS)
    np.savez(folder / "data.npz", images=images, labels=labels, split=np.full(len(labels), "train"))
    training = {"base": False, "width": 64, "latent_dim": 100, "class_steps": args.steps, "batch_size": 64}
    job = {
        "name": "published", "data": {"source": "data.npz", "holdout": 0.02},
        "generation": {"per_class": {LARGE: 64}}, "training": training,
        "run": {"processes": 1}, "gate": {"classifier_steps": 50},
    }  # fmt: skip
    (folder / "job.yaml").write_text(yaml.safe_dump(job), encoding="utf-8")

    # Train, and read what the training says of itself.
    command = [str(Path(sys.executable).with_name("dcgan")), "train", str(folder / "job.yaml"), "--class", LARGE]
    subprocess.run(command, check=True)
    [run] = (folder / "outputs" / "published" / "runs").iterdir()
    record = json.loads((run / "training" / LARGE / "record.json").read_text())
    told = ("num_images", "precision", "batch_size", "steps", "images_per_second", "peak_memory_mb")
    print(common.table(("figure", "value"), [(name, str(record[name])) for name in told]))
    print(f"the images alone: {images.nbytes / 1e6:,.0f} MB")
    if args.json:
        common.write_json(args.json, "published", {"machine": common.machine(), "record": record})


def enlarged(images: np.ndarray, count: int) -> np.ndarray:
    """`count` variants uint8 (count, SIDE, SIDE, 3) of images uint8 (N, H, W, 3), no two alike."""
    draws = np.random.default_rng(0)
    larger = SIDE + 8
    made = np.empty((count, SIDE, SIDE, 3), np.uint8)
    for number in range(count):
        image = Image.fromarray(images[number % len(images)]).resize((larger, larger), Image.Resampling.BICUBIC)
        top, left = draws.integers(0, larger - SIDE + 1, 2)
        cut = np.asarray(image)[top : top + SIDE, left : left + SIDE]
        made[number] = cut[:, ::-1] if draws.random() < 0.5 else cut
        made[number, 0, 0] = draws.integers(0, 256, 3)  # the same cut may come twice; a duplicate would be left out
    return made


if __name__ == "__main__":
    main()
