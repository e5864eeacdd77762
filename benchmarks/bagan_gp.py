"""Images of BAGAN-GP, a balancing GAN that learns from all classes (Huang & Jafari 2021), for `ceiling.py --peer`.

  PEERS benchmarks/bagan_gp.py SCRIPT POOLS OUT.npz [--seconds 1200] [--count 5000]

SCRIPT is `codes/improved_bagan_gp.py` of GH920/improved-bagan-gp. It is run as it is, on the real images that
`ceiling.py` left in the folder POOLS, but for this: pictures are not drawn (drawing wants more images of each class
than there are), as few images are kept apart as there are classes, instead of 30 %, and its training ends after so many
seconds, or as the script does after 100 epochs. Its images of 64 x 64 pixels are shrunk to the data's form. PEERS is a
Python with what the script imports, and Keras 2 (the package tf-keras), for which it was written.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import tensorflow as tf

EPOCHS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", type=Path)
    parser.add_argument("pools", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--count", type=int, default=5000, help="images of each class")
    args = parser.parse_args()
    with np.load(args.pools / "real.npz") as real:
        images = [real[str(number)] for number in range(len(real.files))]

    began = time.monotonic()
    names = script_up_to_training(args.script, images)
    print(f"autoencoder: {time.monotonic() - began:.0f} s", flush=True)
    epochs = 0
    while epochs < EPOCHS and time.monotonic() - began < args.seconds:
        names["bagan_gp"].fit(names["x_train"], names["y_train"], batch_size=128, epochs=1, verbose=0)
        epochs += 1
    print(f"{epochs} epochs, {time.monotonic() - began:.0f} s", flush=True)

    side, draws = images[0].shape[1], tf.random.Generator.from_seed(0)
    made: dict[str, Any] = {}
    for number in range(len(images)):
        latent = draws.normal((args.count, names["latent_dim"]))
        large = names["g_model"].predict([latent, np.full(args.count, number)], batch_size=250, verbose=0)
        small = [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in large]
        pixels = np.stack(small).reshape(args.count, *images[0].shape[1:])
        made[str(number)] = np.clip(np.rint(pixels * 127.5 + 127.5), 0, 255).astype(np.uint8)
    np.savez(args.out, **made)


def script_up_to_training(script: Path, images: list[np.ndarray]) -> dict[str, Any]:
    """The script's names once its autoencoder is trained and its GAN compiled.

    Args:
        script: see there.
        images: uint8 (N, H, W, C) of each class.

    Raises:
        ValueError: it is not the script that this knows.
    """
    text = script.read_text(encoding="utf-8")
    begin, end = "######################## Preprocessing", "# %% ----------------------------------- Start Training"
    pictures, after = "# Show results of reconstructed images", "####################### Use the pre-trained"
    load = "# %% ---------------------------------- Data Preparation"
    for mark in (load, begin, pictures, after, end, "test_size=0.3", "Adam(lr="):
        if text.count(mark) != 1:
            msg = f"{script}: not the script that is known here: '{mark}' is not in it once"
            raise ValueError(msg)
    head = text[: text.index(load)]
    body = text[text.index(begin) : text.index(pictures)] + text[text.index(after) : text.index(end)]
    # Keras 2.11 and later do not know `lr`. The script wants some images kept apart: as few as it takes.
    body = body.replace("test_size=0.3", "test_size=n_kept, stratify=labels").replace("Adam(lr=", "Adam(learning_rate=")
    labels = np.repeat(np.arange(len(images)), [len(of_class) for of_class in images])
    names: dict[str, Any] = {"n_kept": len(images), "__name__": "bagan_gp"}
    exec(compile(head, script, "exec"), names)  # noqa: S102 (to run the peer's script is what this is for)
    names |= {"images": np.concatenate(images), "labels": labels}
    exec(compile(body, script, "exec"), names)  # noqa: S102
    return names


if __name__ == "__main__":
    main()
