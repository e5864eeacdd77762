"""A run up to its release, in which only the networks' work is left out: its images are noise, all else is real."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dcgan.config import JobConfig, ResolvedJob
from dcgan.data.catalogue import build_catalogue
from dcgan.data.split import make_split
from dcgan.execution.progress import no_report
from dcgan.files import storage
from dcgan.generation.png import encode, image_id
from dcgan.run import records, runs, summary
from dcgan.run.paths import Run
from dcgan.run.plan import make_plan
from dcgan.run.records import RunSummary
from tests.records import class_evidence, evaluation_record, generation_record, training_record
from tests.samples import noise, write_noise

SCRIPT, UP, CAT = "<script>alert(1)</script>", "../..%2F", '🐈 | "x" `&` \'=1'
COUNTS = {SCRIPT: 20, UP: 18, CAT: 16, "three": 3}  # real images
MADE = {SCRIPT: 5, UP: 4, CAT: 3}  # synthetic ones
MISSING = 4  # of a class that is short


@dataclass(frozen=True)
class Made:
    """A run with its images generated and judged."""

    run: Run
    config: ResolvedJob
    outcome: RunSummary


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
    judged = {label: class_evidence((verdicts or {}).get(label, "shipped")) for label in MADE if label not in short}
    found = summary.gather(run, config, plan, {}, evaluation_record(judged), {"training": 1.0})
    return Made(run, config, found)


def _generate(run: Run, label: str, count: int, *, short: bool) -> None:
    storage.write_bytes(run.model(label), storage.pack_arrays({"a": np.arange(3)}))
    digest = storage.sha256(run.model(label))
    records.write(run.training(label) / "record.json", training_record(model_sha256=digest, run_id=run.id))
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
    rejected = 19 * count + 20 * MISSING
    few = {"short": True, "tried": count + rejected, "rejected": {"duplicate": rejected}}
    records.write(run.generation(label) / "record.json", generation_record(count, **few if short else {}))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run that ships all that it made; no test may change it."""
    return make_run(tmp_path_factory.mktemp("made"))
