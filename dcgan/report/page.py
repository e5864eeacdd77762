"""What the report's page shows, gathered from a run's folder; `report.html.j2` says how.

The evidence comes from folders that may be incomplete (a class failed, nothing could be evaluated): what is missing
is left out or said to be missing. Every text goes through the template's escaping, and every id is a number.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml

from dcgan import pictures, storage
from dcgan.config import JobConfig
from dcgan.outcome import released
from dcgan.paths import Run
from dcgan.report import figures

NUM_SHOWN = 24  # images of a kind per class
MAX_EXAMPLES = 50  # quarantined files that are named

VERDICTS = {
    "shipped": "Shipped",
    "withheld": "Withheld",
    "failed": "Failed",
    "refused": "Refused",
    "none": "None asked",
}
EFFECTS = {  # the first words of the gate's reason: what the evidence says, whatever the policy makes of it
    "helps": "Shown to help",
    "no difference shown": "No difference shown",
    "harms": "Shown to harm, shipped all the same",
    "no verdict": "Untested",
}
BLANK_CLASS: dict[str, Any] = {
    "train": 0, "holdout": 0, "requested": 0, "accepted": 0, "rejected": {}, "verdict": "none", "reason": "",
    "measures": {}, "steps": None, "shipped_step": None, "stopped": None, "incidents": [],
    "seconds": None, "images_per_second": None, "model_sha256": None,
    "fingerprint": None,
}  # fmt: skip


def write_report(run: Run, config: JobConfig, outcome: Mapping[str, Any], file: Path) -> None:
    """Write the report as one HTML file that needs nothing but itself.

    Args:
        run: whose images and journals are shown.
        config: resolved.
        outcome: see `dcgan.outcome`.
        file: to write.

    Raises:
        StorageError: the system refuses to write.
    """
    storage.write_text(file, render(run, config, outcome))


def render(run: Run, config: JobConfig, outcome: Mapping[str, Any]) -> str:
    """The report's HTML; arguments as of `write_report`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dcgan.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": points, "duration": duration, "moment": moment}
    classes = [_class_view(run, number, item) for number, item in enumerate(outcome["classes"].items())]
    measured = [entry["measures"] for entry in classes if "gain" in entry["measures"]]
    return environment.get_template("report.html.j2").render(
        outcome=outcome,
        provenance=_provenance(outcome),
        classes=classes,
        verdicts=VERDICTS,
        headline=headline(classes),
        groups=_groups(classes),
        num_released=sum(entry["released"] for entry in classes),
        accuracy=_accuracy(outcome.get("balanced_accuracy")),
        limit=figures.forest_limit(measured),
        num_seeds=config.gate.classifier_seeds,
        policy=config.gate.policy,
        losses=_losses(run, classes),
        colors={"d": figures.D_COLOR, "g": figures.G_COLOR},
        rejections=sorted({reason for entry in classes for reason in entry["rejected"]}),
        audit=_audit(outcome.get("catalogue") or {}),
        seconds=outcome.get("seconds") or {},
        config_text=yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100),
    )


def headline(classes: Sequence[Mapping[str, Any]]) -> str:
    """The answer to "do I train on this?" in one sentence."""
    shipped = [entry["effect"] for entry in classes if entry["verdict"] == "shipped"]
    effects = Counter(shipped)
    among = f"{len(shipped)} shipped {'class' if len(shipped) == 1 else 'classes'}"
    if not shipped:
        return "Nothing to train on: no class ships."
    if effects["harms"]:
        return f"Think twice: recall is shown to fall in {effects['harms']} of {among}."
    if effects["helps"]:
        return f"Worth training on: recall is shown to rise in {effects['helps']} of {among}, and to fall in none."
    if effects["no difference shown"]:
        return f"No gain shown: in {among}, the images are shown neither to help nor to harm."
    return f"Untested: too few held-out real images to tell whether the {among} help."


def points(share: float) -> str:
    """A difference of shares in points, signed: 0.03 is `+3.0`."""
    return f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")


def duration(seconds: float | None) -> str:
    """A time for people: `4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def moment(text: str | None) -> str:
    """An ISO 8601 time for people."""
    try:
        return f"{datetime.fromisoformat(text or ''):%d %B %Y, %H:%M %Z}".removesuffix(" ")
    except ValueError:
        return text or "unknown"


def _class_view(run: Run, number: int, item: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    label, entry = item
    view = BLANK_CLASS | dict(entry) | {"label": label, "number": number}
    view["measures"] = view["measures"] or {}
    view["rejected"] = view["rejected"] or {}
    effect = str(view["reason"]).partition(":")[0]
    return view | {
        "effect": effect if effect in EFFECTS else "no verdict",
        "released": released(view),
        "real_grid": _real_grid(run, label),
        "synthetic_grid": _synthetic_grid(run, label),
    }


def _groups(classes: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Classes by what became of them, empty groups left out."""
    of_shipped = [
        (title, [entry for entry in classes if entry["verdict"] == "shipped" and entry["effect"] == effect])
        for effect, title in EFFECTS.items()
    ]
    of_others = [
        (title, [entry for entry in classes if entry["verdict"] == verdict])
        for verdict, title in VERDICTS.items()
        if verdict != "shipped"
    ]
    return [(title, entries) for title, entries in of_shipped + of_others if entries]


def _accuracy(record: Mapping[str, Sequence[float]] | None) -> dict[str, float] | None:
    if not record or not record.get("without") or not record.get("with"):
        return None
    without, after = (sum(record[arm]) / len(record[arm]) for arm in ("without", "with"))
    return {"without": without, "with": after, "gain": after - without}


def _real_grid(run: Run, label: str) -> dict[str, Any] | None:
    try:
        images = np.load(run.train_images(label), mmap_mode="r", allow_pickle=False)[:NUM_SHOWN]
    except (OSError, ValueError):  # never written, or not whole
        return None
    return figures.image_grid(np.asarray(images)) | {"count": len(images)} if len(images) else None


def _synthetic_grid(run: Run, label: str) -> dict[str, Any] | None:
    images = []
    for file in sorted((run.generation(label) / "images").glob("*.png"))[:NUM_SHOWN]:
        try:
            images.append(pictures.read(file))
        except OSError:
            continue
    return figures.image_grid(np.stack(images)) | {"count": len(images)} if images else None


def _losses(run: Run, classes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A titled figure for the base and for each class that has a journal."""
    journals = {"": _journal(run.base)} | {entry["label"]: _journal(run.training(entry["label"])) for entry in classes}
    uris = figures.loss_curves(journals)
    return [
        {"title": label or "Shared base", "uri": uri, "last": journals[label][-1], "is_class": bool(label)}
        for label, uri in uris.items()
    ]


def _journal(folder: Path) -> list[dict[str, float]]:
    try:
        lines = (folder / "training.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
            rows.append({key: float(row[key]) for key in ("step", "d_loss", "g_loss")})
        except (ValueError, KeyError, TypeError):  # half a line: the process died as it wrote
            break
    return rows


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
        ("Started", moment(outcome.get("started"))),
        ("Finished", moment(outcome.get("finished"))),
        ("Images", f"{size[0]} × {size[1]} px, {'grey' if outcome.get('channels') == 1 else 'RGB'}" if size else None),
        ("Seed", outcome.get("seed")),
        ("Threads", outcome.get("threads")),
        ("Processor", outcome.get("processor")),
        *((outcome.get("versions") or {}).items()),
    ]
    return [(str(name), str(value)) for name, value in given if value is not None and value != ""]
