"""A run with all that a report can show: journals, timelapse, rejected images, measures, leakage, arms and a past."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dcgan.evaluation.metrics import METRICS
from dcgan.files import pictures
from dcgan.run import history, records
from dcgan.run.history import Night
from dcgan.run.records import Measure, TrainingRecord
from dcgan.training.events import write_timelapse
from tests.records import (
    advice,
    changed,
    comparison,
    measure,
    overall_evidence,
    recipe,
    recipe_record,
    training_record,
    with_class,
)
from tests.samples import noise
from tests.unit.conftest import CAT, SCRIPT, UP, Made, make_run

STEPS = (0, 10, 20, 30)
LEAKED = {"path": "a/<1>.png", "label": CAT}
NOTE = "3 images, at least 4 are <b>needed</b>"


def make_full(root: Path) -> Made:
    """A run of classes with hostile names, one of them withheld, and the outcome that shows most."""
    made = make_run(root, {CAT: "withheld"})
    for label in (SCRIPT, UP, CAT):
        write_training(made.run.training(label))
    rejected = made.run.generation(SCRIPT) / "rejected"
    for number, reason in enumerate(("blank", "blank", "near copy")):
        (rejected / reason).mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(number)).save(rejected / reason / f"{number}.png")
    for number in range(1, 5):
        history.append(made.run.job, past_night(number))
    summary = made.outcome
    for number, label in enumerate((SCRIPT, UP, CAT)):
        counts = {"blank": 2, "near copy": 1}
        summary = with_class(summary, label, measures=measures(number), rejected=counts, leaked=number)
    incident = {"kind": "diverged", "step": 20, "branch": 0, "told": "losses <i>nan</i>"}
    summary = with_class(summary, UP, incidents=[incident])
    recipes = {arm: recipe(synthetic, mixup=mixup) for arm, mixup, synthetic in (
        ("classical", False, 0.0), ("without", True, 0.0), ("with", True, 0.25), ("fewer real", True, 0.0)
    )}  # fmt: skip
    means = {"classical": 0.75, "without": 0.77, "with": 0.78, "fewer real": 0.70}
    return Made(
        made.run,
        made.config,
        changed(
            summary,
            overall=overall_evidence("helps", 0.01, 0.05, reason="helps: balanced accuracy +3.0 points (+1.0 to +5.0)"),
            recipe=recipe_record(
                chosen=recipes["with"],
                tried=[
                    {"recipe": one, "balanced_accuracy": means[arm], "behind": 0.78 - means[arm], "error": 0.004}
                    for arm, one in recipes.items()
                    if arm != "fewer real"
                ],
            ),
            advice=advice(
                recipe=recipes["with"],
                worth={"doubling": comparison(0.02, 0.08), "images": 8.4, "images_low": 2.1, "images_high": 31.0},
            ),
            arms={
                name: {
                    "recipe": recipes[name],
                    "balanced_accuracy": [mean - 0.01, mean, mean + 0.01],
                    "rare_recall": [mean - 0.1, mean],
                    "gain": None if name == "classical" else comparison(mean - 0.76, mean - 0.74),
                }
                for name, mean in means.items()
            },
            rare=[CAT],
            measures={
                "features": {"name": "judge", "dimensions": 64},
                "metrics": {"novel_measure": {"goal": 3.0, "low": 0.0, "high": None}},
                "overall": measures(5),
            },
            leakage={
                "pairs": {"training and held-out": 2, "across classes": 0},
                "examples": [{"images": [LEAKED | {"split": side} for side in ("train", "holdout")], "distance": 0.01}],
            },
        ),
    )


def write_training(folder: Path) -> None:
    """Journal, record and timelapse of a training of 30 steps whose step 20 is the best."""
    rows = [{"step": step, "d_loss": 1.2 - step / 100, "g_loss": 0.8 + step / 60} for step in STEPS[1:]]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scores = [
        {"step": step, "work": step, "score": abs(step - 20) / 30 + 0.1, "kid": 0.1, "coverage": 0.5, "diversity": 1.0}
        for step in STEPS
    ]
    record = records.read_if_there(folder / "record.json", TrainingRecord) or training_record()
    records.write(folder / "record.json", changed(record, scores=scores, shipped_step=20))
    (folder / "samples").mkdir(exist_ok=True)
    for step in STEPS:
        sheet = pictures.grid(np.stack([noise(step * 100 + number) for number in range(64)]), 8)
        sheet.save(folder / "samples" / f"step-{step:08d}.png")
    write_timelapse(sorted((folder / "samples").iterdir()), folder / "timelapse.webp")


def past_night(number: int) -> Night:
    """A night of January 2026; the second one came to nothing."""
    started = datetime(2026, 1, number, 2, tzinfo=UTC)
    values: dict[str, Any] = {
        "run_id": f"2026010{number}-020000", "started": started, "finished": started + timedelta(minutes=90),
        "state": "Completed", "released": 100 * number, "verdicts": {SCRIPT: "shipped", CAT: "withheld"},
        "accuracy_without": 0.6 + number / 100, "accuracy_with": 0.62 + number / 100,
    }  # fmt: skip
    if number == 2:
        values |= {"state": "Failed: no images", "released": 0, "verdicts": {}}
        values |= {"accuracy_without": None, "accuracy_with": None}
    return Night.model_validate(values)


def measures(number: int) -> dict[str, Measure]:
    """As the evaluation writes them; the third class has none of one."""
    kid = measure(None, note=NOTE) if number == 2 else measure(0.02, error=0.004, ceiling=0.001)
    return {metric.name: measure(0.7, error=0.02, ceiling=0.9) for metric in METRICS} | {
        "kid": kid,
        "coverage": measure(0.8 + number / 20, error=0.02, ceiling=0.97),
        "c_t": measure(-4.5, error=1.0, ceiling=0.2),
        "novel_measure": measure(12.0),
    }
