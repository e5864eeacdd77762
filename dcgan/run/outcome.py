"""The outcome of a run: what became of every class, gathered from what the stages left behind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dcgan.config import JobConfig
from dcgan.files import storage
from dcgan.run import runs
from dcgan.run.paths import Run
from dcgan.run.plan import ClassPlan
from dcgan.text import counted

UNCHANGED = "Completed: nothing changed"  # the state of a run that had nothing to do
WITHHELD = ("withheld", "short", "failed", "refused")  # verdicts of classes that were asked for and do not ship


def gather(
    run: Run,
    config: JobConfig,
    plan: Mapping[str, ClassPlan],
    failures: Mapping[str, str],
    verdicts: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Everything that report, card, release and terminal tell of a run.

    Args:
        run: its folder.
        config: resolved.
        plan: what was to be made of each class.
        failures: class name to why it failed.
        verdicts: `evaluation.json`, or {} when nothing could be evaluated.
        seconds: per stage.
    """
    catalogue = storage.read_json(run.catalogue_record)
    split = storage.read_json(run.split_record)
    judged = verdicts.get("classes", {})
    measured, leakage, prints = _record(run.measures), _record(run.leakage), _record(run.fingerprints)
    classes: dict[str, Any] = {}
    for number, (label, entry) in enumerate(plan.items()):
        training = _record(run.training(label) / "record.json")
        generation = _record(run.generation(label) / "record.json")
        if label in failures:
            verdict, reason = "failed", failures[label]
        elif entry["state"] == "refused" and config.generation.asks_for(label):
            verdict, reason = "refused", entry["reason"]
        elif not entry["requested"]:
            verdict, reason = "none", entry["reason"] or "has as many real images as wanted"
        elif generation.get("short"):
            verdict, reason = "short", shortfall(generation, entry["requested"])
        else:
            verdict, reason = judged[label]["verdict"], judged[label]["reason"]
        classes[label] = {
            "class_index": number,
            "train": entry["train"],
            "holdout": entry["holdout"],
            "leaked": len(leakage.get("classes", {}).get(label, {}).get("holdout_rows", [])),
            "requested": entry["requested"],
            "accepted": generation.get("accepted", 0),
            "rejected": generation.get("rejected", {}),
            "tried": generation.get("tried", 0),
            "thresholds": generation.get("thresholds", {}),
            "verdict": verdict,
            "reason": reason,
            "measures": judged.get(label, {}).get("measures", {}) | measured.get("classes", {}).get(label, {}),
            "synthetic_share": judged.get(label, {}).get("synthetic_share", 0.0),
            "steps": training.get("steps"),
            "shipped_step": training.get("shipped_step"),
            "stopped": training.get("stopped"),
            "incidents": training.get("incidents", []),
            "seconds": training.get("seconds"),
            "images_per_second": training.get("images_per_second"),
            "model_sha256": training.get("model_sha256"),
            "trained_in": training.get("run_id"),
            "change": prints.get("changes", {}).get(label),
            "fingerprint": prints.get("classes", {}).get(label, {}).get("generation"),
        }
    started = storage.read_json(run.record)
    return {
        "run_id": run.id,
        "job": config.name,
        "state": describe(classes),
        "started": started["started"],
        "finished": runs.now(),
        **runs.provenance(config),
        "image_size": split["image_size"],
        "channels": split["channels"],
        "seconds": dict(seconds),
        **{name: verdicts.get(name) for name in ("overall", "share", "arms", "rare", "balanced_accuracy")},
        "measures": {name: measured.get(name, {}) for name in ("features", "metrics", "overall")},
        "leakage": {name: leakage.get(name) for name in ("pairs", "examples")},
        "catalogue": catalogue,
        "fingerprints": prints,
        "classes": classes,
    }


def released(entry: Mapping[str, Any]) -> int:
    """Images of a class that its run's release holds, of those that were made.

    Args:
        entry: of `classes`.
    """
    return int(entry["accepted"]) if entry["verdict"] == "shipped" else 0


def told_verdict(entry: Mapping[str, Any]) -> str:
    """A class's verdict, and how many images it keeps from being released: `withheld (87 images)`."""
    kept = entry["accepted"] - released(entry)
    return f"{entry['verdict']} ({counted(kept, 'image')})" if kept else str(entry["verdict"])


def shortfall(generation: Mapping[str, Any], requested: int) -> str:
    """What is to be told of a class of which curation accepted fewer images than were asked for.

    Args:
        generation: its record.
        requested: images asked for.
    """
    told = ", ".join(f"{count:,} {reason}" for reason, count in Counter(generation["rejected"]).most_common())
    return f"accepted {generation['accepted']:,} of {requested:,} in {generation['tried']:,} tries (rejected: {told})"


def is_short(run: Run, label: str) -> bool:
    """Whether curation accepted fewer images of a class than were asked for."""
    return bool(_record(run.generation(label) / "record.json").get("short"))


def accepted(run: Run, labels: Iterable[str]) -> dict[str, int]:
    """Images accepted so far, of those of the classes that are generated."""
    records = {label: _record(run.generation(label) / "record.json") for label in labels}
    return {label: record["accepted"] for label, record in records.items() if record}


def describe(classes: Mapping[str, Mapping[str, Any]]) -> str:
    """The run in one line, such as `Completed: 2 classes withheld (3, 7)`."""
    told = []
    for verdict in WITHHELD:
        labels = [label for label, entry in classes.items() if entry["verdict"] == verdict]
        if labels:
            told.append(f"{counted(len(labels), 'class')} {verdict} ({', '.join(labels)})")
    shipped = any(entry["verdict"] == "shipped" for entry in classes.values())
    return (
        ("Completed" if shipped else "Failed: no class ships")
        + (": " if shipped and told else ", " if told else "")
        + ", ".join(told)
    )


def _record(path: Any) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
