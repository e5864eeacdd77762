"""The answer to "do I train on this?": verdicts and gains of the classes, of the whole, and of every arm."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

VERDICTS = {
    "shipped": "Shipped",
    "withheld": "Withheld",
    "short": "Short",
    "failed": "Failed",
    "refused": "Refused",
    "none": "None asked",
}
EFFECTS = {  # the first words of the gate's reason: what the evidence says, whatever the policy makes of it
    "helps": "Shown to help",
    "no difference shown": "No difference shown",
    "harms": "Shown to harm, shipped all the same",
    "no verdict": "Untested",
    "unfit": "Not fit, shipped all the same",
}
ARMS = {  # keys of `outcome["arms"]`, and what a classifier was trained on
    "real": "Real images only",
    "real+classical": "Real, classical augmentation",
    "real+synthetic": "Real and synthetic",
    "real+classical+synthetic": "Real and synthetic, classical augmentation",
}
SCORES = {"balanced_accuracy": "Balanced accuracy", "rare_recall": "Recall of rare classes"}
AXIS_LIMITS = (1, 2, 5, 10, 20, 50, 100)  # points: reaches of the forest plot's scale


def headline(classes: Sequence[Mapping[str, Any]], overall: Mapping[str, Any] | None) -> str:
    """The answer in one sentence; harm goes first, and the whole before the parts.

    Args:
        classes: each with `verdict` and `effect`.
        overall: of `overall`.
    """
    effects = Counter(entry["effect"] for entry in classes if entry["verdict"] == "shipped")
    num_shipped = effects.total()
    among = f"{num_shipped} shipped {'class' if num_shipped == 1 else 'classes'}"
    whole = overall["effect"] if overall else None
    fall = f"balanced accuracy is shown to fall, by {_reach(overall)}" if overall and whole == "harms" else None
    if not num_shipped:
        told = f"Nothing to train on: {fall or 'no class ships'}."
    elif fall:
        told = f"Think twice: {fall}."
    elif effects["unfit"]:
        told = f"Think twice: the images are not fit to train on in {effects['unfit']} of {among}."
    elif effects["harms"]:
        told = f"Think twice: recall is shown to fall in {effects['harms']} of {among}."
    elif overall and whole == "helps":
        told = f"Worth training on: balanced accuracy is shown to rise, by {_reach(overall)}."
    elif effects["helps"] and whole == "no difference shown":
        told = f"No gain shown on the whole, although recall is shown to rise in {effects['helps']} of {among}."
    elif effects["helps"]:
        told = f"Worth training on: recall is shown to rise in {effects['helps']} of {among}, and to fall in none."
    elif effects["no difference shown"]:
        told = f"No gain shown: in {among}, the images are shown neither to help nor to harm."
    else:
        told = f"Untested: too few held-out real images to tell whether the {among} help."
    return told


def _reach(gain: Mapping[str, float]) -> str:
    """From the least to the most that a gain or a loss may be."""
    least, most = sorted(100 * abs(gain[key]) for key in ("gain_low", "gain_high"))
    return f"{least:.1f} to {most:.1f} points"


def overall(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The verdict on all classes together, `outcome["overall"]`, with its `effect`; None: there is none."""
    return {**record, "effect": effect(str(record["reason"]))} if record else None


def effect(reason: str) -> str:
    """What a gate's reason says of the evidence: one of `EFFECTS`; whatever else it names makes the images unfit."""
    told = reason.partition(":")[0]
    return told if told in EFFECTS else "unfit"


def groups(classes: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Classes by what became of them, empty groups left out."""
    of_shipped = [
        (title, [entry for entry in classes if entry["verdict"] == "shipped" and entry["effect"] == told])
        for told, title in EFFECTS.items()
    ]
    of_others = [
        (title, [entry for entry in classes if entry["verdict"] == verdict])
        for verdict, title in VERDICTS.items()
        if verdict != "shipped"
    ]
    return [(title, entries) for title, entries in of_shipped + of_others if entries]


def accuracy(record: Mapping[str, Sequence[float]] | None) -> dict[str, float] | None:
    """Mean balanced accuracy `without` and `with` the synthetic images, and the `gain`; None: not measured."""
    if not record or not record.get("without") or not record.get("with"):
        return None
    without, after = fmean(record["without"]), fmean(record["with"])
    return {"without": without, "with": after, "gain": after - without}


def forest_limit(gains: Sequence[Mapping[str, Any]]) -> int:
    """The reach, in points, of a scale on which every interval `gain_low` to `gain_high` fits."""
    reach = max((100 * abs(gain[key]) for gain in gains for key in ("gain_low", "gain_high")), default=0)
    return next(limit for limit in AXIS_LIMITS if limit >= reach or limit == AXIS_LIMITS[-1])


def arms(record: Mapping[str, Mapping[str, Sequence[float]]] | None) -> dict[str, Any] | None:
    """What the classifiers of each arm reached: a strip of dots per score, one dot per training.

    Args:
        record: `outcome["arms"]`: per arm, per score, a share for each seed.

    Returns:
        `scores` (title, `low` and `high` of its axis) and `rows` (title, per score `dots` in percent of the axis,
        `mean` and its place `at`, or None where it is missing); None when there is nothing to show.
    """
    scores = [key for key in SCORES if any(arm.get(key) for arm in (record or {}).values())]
    if not record or not scores:
        return None
    axes = {key: _axis([share for arm in record.values() for share in arm.get(key) or []]) for key in scores}
    rows = [
        {"title": ARMS.get(name, name), "strips": [_strip(arm.get(key) or [], *axes[key]) for key in scores]}
        for name, arm in record.items()
    ]
    titled = [{"title": SCORES[key], "low": axes[key][0], "high": axes[key][1]} for key in scores]
    return {"scores": titled, "rows": rows}


def _axis(shares: Sequence[float]) -> tuple[float, float]:
    """Where an axis begins and ends, in whole percent around all values."""
    low, high = math.floor(100 * min(shares)) / 100, math.ceil(100 * max(shares)) / 100
    return (low, high) if high > low else (max(0.0, low - 0.01), min(1.0, high + 0.01))


def _strip(shares: Sequence[float], low: float, high: float) -> dict[str, Any] | None:
    if not shares:
        return None
    mean = fmean(shares)
    return {"mean": mean, "at": (mean - low) / (high - low), "dots": [(share - low) / (high - low) for share in shares]}


def shares(record: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The shares of synthetic images that were tried on validation images: `share`, its `score`, whether `chosen`.

    Args:
        record: `outcome["share"]`: `chosen`, and under `tried` a score for each share.
    """
    if not record:
        return []
    tried = sorted((float(share), float(score)) for share, score in (record.get("tried") or {}).items())
    return [{"share": share, "score": score, "chosen": share == record["chosen"]} for share, score in tried]
