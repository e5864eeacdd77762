"""What the report's page shows, gathered from a run's folder; the templates say how.

The evidence comes from folders that may be incomplete (a class failed, nothing could be evaluated): what is missing
is left out or said to be missing. Every text goes through the templates' escaping, and every id is a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from dcgan.config import JobConfig
from dcgan.files import storage
from dcgan.report import figures, text, verdicts
from dcgan.report.gallery import NO_PICTURES, class_pictures
from dcgan.report.journals import read_journal
from dcgan.report.measures import leakage_view, measure_table
from dcgan.run import history
from dcgan.run.history import Night
from dcgan.run.outcome import released
from dcgan.run.paths import Run
from dcgan.text import duration

MAX_EXAMPLES = 50  # quarantined files that are named
MAX_PICTURED = 60  # classes whose pictures are shown: a page of a thousand would not open
MAX_LISTED_NIGHTS = 30

BLANK_CLASS: dict[str, Any] = {
    "train": 0, "holdout": 0, "requested": 0, "accepted": 0, "rejected": {}, "verdict": "none", "reason": "",
    "measures": {}, "synthetic_share": 0.0, "leaked": 0, "steps": None, "shipped_step": None, "stopped": None,
    "incidents": [], "seconds": None, "images_per_second": None, "model_sha256": None, "fingerprint": None,
    "trained_in": None, "change": None,
}  # fmt: skip
FILTERS = {
    "points": text.points,
    "percent": text.percent,
    "figure": text.figure,
    "count": text.count,
    "moment": text.moment,
    "duration": duration,
}


def write_report(run: Run, config: JobConfig, outcome: Mapping[str, Any], file: Path) -> None:
    """Write the report as one HTML file that needs nothing but itself.

    Args:
        run: whose images and journals are shown.
        config: resolved.
        outcome: see `dcgan.run.outcome`.
        file: to write.

    Raises:
        StorageError: the system refuses to write.
    """
    storage.write_text(file, render(run, config, outcome))


def render(run: Run, config: JobConfig, outcome: Mapping[str, Any]) -> str:
    """The report's HTML; arguments as of `write_report`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dcgan.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    classes = [_class_view(run, number, item) for number, item in enumerate(outcome["classes"].items())]
    overall = verdicts.overall(outcome.get("overall"))
    gains = [gain for gain in [overall or {}, *(entry["measures"] for entry in classes)] if "gain" in gain]
    return environment.get_template("report.html.j2").render(
        outcome=outcome,
        provenance=_provenance(outcome),
        classes=classes,
        verdicts=verdicts.VERDICTS,
        headline=verdicts.headline(classes, overall),
        overall=overall,
        groups=verdicts.groups(classes),
        num_released=sum(entry["released"] for entry in classes),
        num_shipped=sum(entry["verdict"] == "shipped" for entry in classes),
        num_asked=sum(entry["verdict"] != "none" for entry in classes),
        accuracy=verdicts.accuracy(outcome.get("balanced_accuracy")),
        arms=verdicts.arms(outcome.get("arms")),
        rare=outcome.get("rare") or [],
        shares=verdicts.shares(outcome.get("share")),
        limit=verdicts.forest_limit(gains),
        num_seeds=config.gate.classifier_seeds,
        policy=config.gate.policy,
        measures=measure_table(classes, outcome.get("measures")),
        leakage=leakage_view(outcome.get("leakage"), classes),
        trainings=_trainings(run, classes),
        rejections=sorted({reason for entry in classes for reason in entry["rejected"]}),
        trend=_trend(run, outcome),
        audit=_audit(outcome.get("catalogue") or {}),
        seconds=outcome.get("seconds") or {},
        config_text=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100),
    )


def _class_view(run: Run, number: int, item: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    label, entry = item
    view = BLANK_CLASS | dict(entry) | {"label": label, "number": number}
    view["measures"] = view["measures"] or {}
    view["rejected"] = view["rejected"] or {}
    return view | {
        "effect": verdicts.effect(str(view["reason"])),
        "released": released(view),
        "is_pictured": number < MAX_PICTURED,
        "pictures": class_pictures(run, label) if number < MAX_PICTURED else NO_PICTURES,
    }


def _trainings(run: Run, classes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A titled figure for the base and for each class that has a journal."""
    journals = {"": read_journal(run.base)} | {
        entry["label"]: read_journal(run.training(entry["label"])) for entry in classes if entry["is_pictured"]
    }
    return [
        {
            "title": label or "Shared base",
            "uri": uri,
            "last": journals[label].losses[-1],
            "shipped_step": journals[label].shipped_step if label else None,
            "has_scores": bool(journals[label].scores),
        }
        for label, uri in figures.training_curves(journals).items()
    ]


def _trend(run: Run, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """The job's nights, this one among them: the figure, and the newest as rows."""
    tonight = history.night_of(run.id, outcome["started"], outcome["finished"], outcome["state"], outcome)
    nights: list[Night] = [night for night in history.read(run.job) if night.run_id != run.id] + [tonight]
    nights.sort(key=lambda night: night.started)
    return {"figure": figures.trend(nights), "count": len(nights), "nights": nights[: -MAX_LISTED_NIGHTS - 1 : -1]}


def _audit(catalogue: Mapping[str, Any]) -> dict[str, Any]:
    """The input files: how many, how many were left out and why, with examples."""
    reasons = dict(catalogue.get("reasons") or {})
    examples = list(catalogue.get("examples") or [])
    num_files, num_left_out = catalogue.get("num_files"), sum(reasons.values())
    return {
        "num_files": num_files,
        "num_accepted": None if num_files is None else num_files - num_left_out - sum(catalogue["unused"].values()),
        "num_left_out": num_left_out,
        "reasons": sorted(reasons.items(), key=lambda item: -item[1]),
        "duplicates": sum(count for reason, count in reasons.items() if "duplicate" in reason),
        "examples": examples[:MAX_EXAMPLES],
    }


def _provenance(outcome: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of what the run's bytes depend on."""
    size = outcome.get("image_size")
    given = [
        ("Job", outcome.get("job")),
        ("Run", outcome.get("run_id")),
        ("Started", text.moment(outcome.get("started"))),
        ("Finished", text.moment(outcome.get("finished"))),
        ("Images", f"{size[0]} × {size[1]} px, {'grey' if outcome.get('channels') == 1 else 'RGB'}" if size else None),
        ("Seed", outcome.get("seed")),
        ("Threads", outcome.get("threads")),
        ("Processor", outcome.get("processor")),
        ("GPUs", outcome.get("gpus")),
        *((outcome.get("versions") or {}).items()),
    ]
    return [(str(name), str(value)) for name, value in given if value is not None and value != ""]
