"""Candidates in, exactly N accepted images out."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from dcgan import pictures, storage
from dcgan.classifier import load_judge, predict
from dcgan.config import JobConfig
from dcgan.curation.filters import Filters, NearestReal
from dcgan.errors import StageError
from dcgan.generation.model import CHUNK, Model
from dcgan.generation.png import encode, image_id
from dcgan.paths import Run
from dcgan.progress import OnProgress

MAX_TRIES = 20  # candidates per wanted image; a class that needs more has failed, its standards are not lowered
GRID_COLUMNS, GRID_ROWS = 10, 4


def collect(run: Run, config: JobConfig, label: str, num_wanted: int, on_progress: OnProgress) -> dict[str, Any]:
    """Make candidates in the order of their index and keep the first `num_wanted` that curation accepts.

    Leaves `generation/<class>/` with `images/`, `rows.parquet`, `grid.png` and `record.json`, whole or not at all.

    Raises:
        StageError: fewer were accepted within `MAX_TRIES` candidates per wanted image.
    """
    folder = run.generation(label)
    if (folder / "record.json").exists():
        return dict(storage.read_json(folder / "record.json"))
    split = pd.read_parquet(run.split_table)
    split = split[(split["label"] == label) & (split["split"] == "train")].sort_values("row")
    real_paths = split["path"].to_list()
    real = np.load(run.train_images(label))
    image_shape = real.shape[1:]
    assert image_shape
    model = Model(run.model(label), config.training, image_shape)
    judge, classes = load_judge(run, image_shape)
    filters = Filters.from_real(np.concatenate([real, np.load(run.holdout_images(label))]))
    nearest_real = NearestReal(real)
    seed = config.generation.seed

    began = time.monotonic()
    reasons: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    shown: list[np.ndarray] = []
    with storage.whole_folder(folder) as temporary:
        (temporary / "images").mkdir()
        for chunk in range(-(-num_wanted * MAX_TRIES // CHUNK)):
            images = model.candidates(seed, label, chunk)
            scores = model.critic_scores(images)
            confidences = predict(judge, images)[:, classes.index(label)]
            distances, nearest = nearest_real(images)
            for number, image in enumerate(images):
                if len(rows) == num_wanted:
                    break
                index = chunk * CHUNK + number
                if (reason := filters.reason_against(image)) is not None:
                    reasons[reason] += 1
                    continue
                name = f"{image_id(label, index)}.png"
                png = encode(image, job=config.name, label=label, index=index, model_sha256=model.sha256)
                (temporary / "images" / name).write_bytes(png)
                shown += [image] if len(shown) < GRID_COLUMNS * GRID_ROWS else []
                rows.append(
                    {
                        "image_id": image_id(label, index),
                        "label": label,
                        "seed": seed,
                        "index": index,
                        "model_sha256": model.sha256,
                        "image_sha256": storage.sha256_bytes(png),
                        "height": image_shape[0],
                        "width": image_shape[1],
                        "channels": image_shape[2],
                        "critic_score": float(scores[number]),
                        "label_confidence": float(confidences[number]),
                        "nearest_real_distance": float(distances[number]),
                        "nearest_real_path": real_paths[nearest[number]],
                    }
                )
            on_progress({"done": len(rows), "total": num_wanted, "rate": len(rows) / (time.monotonic() - began)})
            if len(rows) == num_wanted:
                break
        else:
            told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
            raise StageError(f"short: accepted {len(rows)} of {num_wanted} in {chunk * CHUNK + CHUNK} tries ({told})")
        pd.DataFrame(rows).to_parquet(temporary / "rows.parquet", index=False)
        (temporary / "grid.png").write_bytes(pictures.png(pictures.grid(np.stack(shown), GRID_COLUMNS)))
        record = {
            "accepted": len(rows),
            "tried": len(rows) + sum(reasons.values()),
            "rejected": dict(reasons),
            "min_contrast": filters.min_contrast,
            "seconds": round(time.monotonic() - began, 1),
        }
        storage.write_json(temporary / "record.json", record)
    return record
