"""`release.json` of earlier formats as today's. Nowhere else is an earlier format known.

Format 1 tells what the gate found in sentences, and what it measured in one mapping with the metrics. Format 2 has a
record of both, which is made here from the beginnings of the sentences.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dcgan.run.records import Effect, Ending, Verdict

Values = dict[str, Any]
"""An object of JSON, which may hold anything: a release can come from anybody."""

# How a sentence begins, and what it says of a class's images.
_EFFECTS = {
    "helps: ": Effect.HELPS,
    "no difference shown: ": Effect.UNCLEAR,
    "harms: ": Effect.HARMS,
    "no verdict: ": Effect.UNTESTED,
}
# The check that they failed, and the metric that decided it.
_CHECKS = {
    "unlike real images: ": ("outlying", "outlying"),
    "taken for another class: ": ("unrecognised", "gan_test"),
    "copies: ": ("copied", "authenticity"),
    "collapsed: ": ("collapsed", "manifold_recall"),
}
_HARM_OVERALL = "all classes together: "
"""Begins the sentence about a class that is withheld because all classes together do harm."""

_MIN_HOLDOUT, _SIGNIFICANT = 20, 0.05  # the gate's, in format 1


def upgrade(values: Values) -> Values:
    """The values of a `release.json` as `ReleaseRecord` takes them; those of today's format as they are.

    Raises:
        ValueError, TypeError: they are not what format 1 has.
    """
    if values.get("format") != 1:
        return values
    entries = _mapping(values.get("classes"), "classes")
    classes = {label: _class(_mapping(entry, f"classes.{label}")) for label, entry in entries.items()}
    left_out = {"arms", "share"} | ({"rare"} if values.get("rare") is None else set())
    measures, leakage = (_mapping(values.get(name) or {}, name) for name in ("measures", "leakage"))
    return {name: value for name, value in values.items() if name not in left_out} | {
        "format": 2,
        "ending": _ending(entry.get("verdict") for entry in classes.values()),
        "overall": _overall(values.get("overall")),
        "measures": measures | {"features": measures.get("features") or None},
        "leakage": leakage | {"examples": leakage.get("examples") or []},
        "arms": _arms(values.get("arms")),
        "fingerprints": _fingerprints(values.get("fingerprints")),
        "classes": classes,
    }


def _arms(entry: object) -> Values:
    """The arms that are compared today: with classical augmentation, without the synthetic images and with them."""
    arms = _mapping(entry or {}, "arms")
    names = {"real+classical": "classical", "real+classical+synthetic": "with"}
    return {now: arms[before] for before, now in names.items() if before in arms}


def _fingerprints(entry: object) -> Values | None:
    if not entry:
        return None
    prints = _mapping(entry, "fingerprints")
    renamed = {"recipe": "trainings", "share": "recipe"}
    return {renamed.get(name, name): value for name, value in prints.items()}


def _class(entry: Values) -> Values:
    """A class's outcome."""
    measures = _mapping(entry.get("measures") or {}, "measures of a class")
    metrics = {name: value for name, value in measures.items() if isinstance(value, dict)}
    evidence = _evidence(entry, measures, metrics) if "holdout" in measures else None
    return entry | {"measures": metrics, "evidence": evidence}


def _evidence(entry: Values, measures: Values, metrics: Values) -> Values:
    """What the gate found of a class; see `ClassEvidence`."""
    verdict, reason = entry.get("verdict"), str(entry.get("reason"))
    check = next((check for beginning, check in _CHECKS.items() if reason.startswith(beginning)), None)
    harm_overall = reason.startswith(_HARM_OVERALL)
    if verdict not in (Verdict.SHIPPED, Verdict.WITHHELD):  # then the sentence is not the gate's
        verdict, effect = Verdict.NONE, Effect.NONE
    elif check:
        effect = Effect.UNFIT
    else:
        effect = _effect_of_numbers(measures) if harm_overall else _effect(reason)
    kept = ("holdout", "recall_without", "recall_with", "p_holm")
    return {
        "verdict": verdict,
        "effect": effect,
        "harm_overall": harm_overall,
        "holdout_needed": _MIN_HOLDOUT,
        "recall": measures if "gain" in measures else None,
        "failed_check": _failed_check(*check, metrics) if check else None,
        "synthetic_share": entry.get("synthetic_share", 0.0),
        **{name: measures[name] for name in kept if name in measures},
    }


def _failed_check(check: str, metric: str, metrics: Values) -> Values:
    measured = _mapping(metrics.get(metric), metric)
    return {"check": check, "measure": metric, "value": measured.get("value"), "ceiling": measured.get("ceiling")}


def _overall(entry: object) -> Values | None:
    """What the gate found of all classes together."""
    if entry is None:
        return None
    overall = _mapping(entry, "overall")
    return overall | {"effect": _effect(str(overall.get("reason")))}


def _effect(reason: str) -> Effect:
    for beginning, effect in _EFFECTS.items():
        if reason.startswith(beginning):
            return effect
    raise ValueError(f"format 1 has no reason such as {reason[:80]!r}")


def _effect_of_numbers(measures: Values) -> Effect:
    """The effect of a class whose sentence does not tell it: such a class was not shown to harm by itself."""
    if measures["holdout"] < _MIN_HOLDOUT:
        return Effect.UNTESTED
    helps = measures.get("gain_low", 0) > 0 and measures.get("p_holm", 1) < _SIGNIFICANT
    return Effect.HELPS if helps else Effect.UNCLEAR


def _ending(verdicts: Iterable[object]) -> Ending:
    found = set(verdicts)
    if Verdict.SHIPPED not in found:
        return Ending.FAILED
    return Ending.COMPLETED if found <= {Verdict.SHIPPED, Verdict.NONE} else Ending.PARTLY


def _mapping(value: object, name: str) -> Values:
    if not isinstance(value, dict):
        raise TypeError(f"{name[:80]}: expected an object, found {type(value).__name__}")
    return value
