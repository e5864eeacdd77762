"""A run up to its release, in which only the networks' work is left out: its images are noise, all else is real."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dcgan.config import JobConfig
from dcgan.data.catalogue import build_catalogue
from dcgan.data.split import make_split
from dcgan.execution.progress import no_report
from dcgan.files import storage
from dcgan.generation.png import encode, image_id
from dcgan.run import outcome, runs
from dcgan.run.paths import Run
from dcgan.run.plan import make_plan
from tests.samples import noise, write_noise

SCRIPT, UP, CAT = "<script>alert(1)</script>", "../..%2F", '🐈 | "x" `&` \'=1'
COUNTS = {SCRIPT: 20, UP: 18, CAT: 16, "three": 3}  # real images
MADE = {SCRIPT: 5, UP: 4, CAT: 3}  # synthetic ones
MISSING = 4  # of a class that is short
MEASURES = {
    "holdout": 30, "recall_without": 0.5, "recall_with": 0.6, "gain": 0.1, "gain_low": 0.02, "gain_high": 0.18,
    "p_value": 0.01, "p_holm": 0.02,
}  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A run with its images generated and judged."""

    run: Run
    config: JobConfig
    outcome: dict[str, Any]


def make_run(
    root: Path, verdicts: Mapping[str, str] | None = None, kind: str = "files", short: Collection[str] = ()
) -> Made:
    """Make a run of classes with names that mean something to HTML, Markdown, paths and spreadsheets.

    Args:
        root: folder for all of it.
        verdicts: by class; "shipped" where none is given.
        kind: `outputs.format`.
        short: classes of which fewer images were accepted than are asked for.
    """
    rows, number = ["path,label"], 0
    for label, count in COUNTS.items():
        for _ in range(count):
            write_noise(root / "images" / f"{number}.png", number)
            quoted = label.replace('"', '""')
            rows.append(f'images/{number}.png,"{quoted}"')
            number += 1
    (root / "images.csv").write_text("\n".join(rows), encoding="utf-8")
    values = {
        "name": "odd", "data": {"source": "images.csv", "holdout": 0.1}, "outputs": {"keep": 2, "format": kind},
        "generation": {"per_class": {label: count + MISSING * (label in short) for label, count in MADE.items()}
                       | {"three": 9}},
    }  # fmt: skip
    config = JobConfig.model_validate(values).resolve(root)
    run, _ = runs.open_run(config)
    build_catalogue(run, config, no_report)
    plan = make_plan(config, make_split(run, config))
    for label, count in MADE.items():
        _generate(run, label, count, short=label in short)
    judged = {
        label: {"verdict": (verdicts or {}).get(label, "shipped"), "reason": f"helps: {label}", "measures": MEASURES}
        for label in MADE
        if label not in short
    }
    evaluation = {"classes": judged, "balanced_accuracy": {"without": [0.5, 0.6], "with": [0.6, 0.7]}}
    return Made(run, config, outcome.gather(run, config, plan, {}, evaluation, {"training": 1.0}))


def _generate(run: Run, label: str, count: int, *, short: bool) -> None:
    storage.write_bytes(run.model(label), storage.pack_arrays({"a": np.arange(3)}))
    digest = storage.sha256(run.model(label))
    training = {"steps": 7, "shipped_step": 5, "seconds": 1.5, "images_per_second": 9.0, "model_sha256": digest}
    storage.write_json(run.training(label) / "record.json", training)
    rows = []
    for index in range(count):
        name = image_id(label, index)
        png = encode(noise(900 + index), job="odd", label=label, index=index, model_sha256=digest)
        storage.write_bytes(run.generation(label) / "images" / f"{name}.png", png)
        rows.append(
            {
                "image_id": name, "label": label, "seed": 0, "index": index, "model_sha256": digest,
                "image_sha256": storage.sha256_bytes(png), "height": 12, "width": 10, "channels": 3,
                "critic_score": 0.5, "label_confidence": 0.5, "nearest_real_distance": 0.5,
                "nearest_real_path": "images/0.png", "run_id": run.id,
            }
        )  # fmt: skip
    pd.DataFrame(rows).to_parquet(run.generation(label) / "rows.parquet", index=False)
    record = {"accepted": count, "short": short, "tried": count, "rejected": {}}
    if short:
        record |= {"tried": 20 * (count + MISSING), "rejected": {"duplicate": 19 * count + 20 * MISSING}}
    storage.write_json(run.generation(label) / "record.json", record)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run that ships all that it made; no test may change it."""
    return make_run(tmp_path_factory.mktemp("made"))
