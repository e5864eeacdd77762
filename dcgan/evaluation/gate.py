"""The gate: which classes ship, on the evidence of the held-out real images."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcgan.config import JobConfig
from dcgan.data.split import labels_with_images
from dcgan.evaluation import checks
from dcgan.evaluation.sets import ARMS, WITH, WITHOUT, compared
from dcgan.evaluation.share import synthetic_share
from dcgan.evaluation.statistics import Difference, difference, holm
from dcgan.execution import randomness
from dcgan.files import storage
from dcgan.run.paths import Run

MIN_HOLDOUT = 20  # held-out images of a class under which no verdict is tried: one image is 5 points of recall
SIGNIFICANT = 0.05
RARE_SHARE = 0.2  # of the largest class's training images: classes with at most so many are called rare


def judge(run: Run, config: JobConfig) -> dict[str, Any]:
    """Turn the classifiers' results into a verdict on the whole, and one for each class that has synthetic images.

    Args:
        run: with measures taken, the share chosen and the classifiers of `sets.compared` tested.
        config: resolved.

    Returns:
        `overall` and, per class in `classes`, `verdict` ("shipped", "withheld", or "none" for a class that had no
        synthetic images), `reason`, `measures`: recall without and with, gain and its confidence interval (shares, 0
        to 1), p-value and the same after Holm's correction, held-out images; and the `synthetic_share` of the class's
        draws that this was measured with. Further `arms` (balanced accuracy and mean recall of the rare classes of
        every recipe and seed), `balanced_accuracy` of the two that are compared, `share`, and `rare`.
    """
    found: dict[str, list[dict[str, np.ndarray]]] = {arm: [] for arm in ARMS}
    for number, (_, arm) in enumerate(compared(config.gate.classifier_seeds)):
        found[arm].append(storage.unpack_arrays(run.compared(number).read_bytes()))
    right = {arm: np.stack([arrays["right"] for arrays in seeds]).astype(float) for arm, seeds in found.items()}
    truth, synthetic = found[WITH][0]["truth"], found[WITH][0]["synthetic"]
    labels = labels_with_images(run)
    num_real = [storage.read_json(run.split_record)["classes"][label]["train"] for label in labels]
    rare = [number for number, count in enumerate(num_real) if count <= RARE_SHARE * max(num_real)]
    share = storage.read_json(run.share_record)
    tested = [number for number in range(len(labels)) if (truth == number).any()]

    # Differences: of each class, and of all together.
    gains = {number: right[WITH][:, truth == number] - right[WITHOUT][:, truth == number] for number in tested}
    of_class = {
        number: difference([gains[number]], randomness.generator(config.generation.seed, labels[number], "bootstrap"))
        for number in tested
    }
    whole = difference(list(gains.values()), randomness.generator(config.generation.seed, "", "bootstrap"))
    decided = [n for n in tested if synthetic[n] and (truth == n).sum() >= MIN_HOLDOUT]
    adjusted = holm({labels[n]: of_class[n].p_value for n in decided})

    # Verdicts.
    measured = storage.read_json(run.measures)["classes"] if run.measures.exists() else {}
    overall_verdict, overall_reason = decide(config.gate.policy, "balanced accuracy", whole, whole.p_value)
    classes: dict[str, Any] = {}
    for number, label in enumerate(labels):
        measures: dict[str, Any] = {"holdout": int((truth == number).sum())}
        if number in tested:
            measures |= {
                "recall_without": _rounded(right[WITHOUT][:, truth == number].mean()),
                "recall_with": _rounded(right[WITH][:, truth == number].mean()),
                **_told(of_class[number]),
                "p_holm": _rounded(adjusted.get(label, 1.0)),
            }
        if not synthetic[number]:
            verdict, reason = "none", "no synthetic image was there to be measured"
        elif reason := checks.failed(measured.get(label, {})):
            verdict = "shipped" if config.gate.policy == "report" else "withheld"
        elif measures["holdout"] < MIN_HOLDOUT:
            verdict = "withheld" if config.gate.policy == "proven_gain" else "shipped"
            reason = f"no verdict: {measures['holdout']} held-out images, at least {MIN_HOLDOUT} are needed"
        else:
            verdict, reason = decide(config.gate.policy, "recall", of_class[number], adjusted[label])
        if verdict == "shipped" and overall_verdict == "withheld" and config.gate.policy == "no_harm":
            verdict, reason = "withheld", f"all classes together: {overall_reason}"
        of_draws = synthetic_share(num_real[number], int(synthetic[number]), share["chosen"])
        classes[label] = {"verdict": verdict, "reason": reason, "measures": measures, "synthetic_share": of_draws}
    arms = {
        arm: {
            "balanced_accuracy": _by_seed(values, truth, tested),
            "rare_recall": _by_seed(values, truth, [number for number in rare if number in tested]),
        }
        for arm, values in right.items()
    }
    record = {
        "overall": {"verdict": overall_verdict, "reason": overall_reason, **_told(whole)},
        "share": share,
        "arms": arms,
        "rare": [labels[number] for number in rare],
        "balanced_accuracy": {
            name: arms[arm]["balanced_accuracy"] for name, arm in (("without", WITHOUT), ("with", WITH))
        },
        "classes": classes,
    }
    storage.write_json(run.evaluation_record, record)
    return record


def decide(policy: str, measure: str, found: Difference, p_adjusted: float) -> tuple[str, str]:
    """Verdict and reason.

    The two errors weigh differently. A gain is claimed only when it survives the correction for the number of classes.
    Harm is not waited for to do so: an interval below 0 is enough to withhold.

    Args:
        policy: report, no_harm or proven_gain.
        measure: what differs, in words.
        found: with the images minus without.
        p_adjusted: p-value, corrected for the number of classes.
    """
    told = f"{measure} {100 * found.mean:+.1f} points ({100 * found.low:+.1f} to {100 * found.high:+.1f})"
    if found.high < 0:
        return ("shipped" if policy == "report" else "withheld"), f"harms: {told}"
    if found.low > 0 and p_adjusted < SIGNIFICANT:
        return "shipped", f"helps: {told}"
    return ("withheld" if policy == "proven_gain" else "shipped"), f"no difference shown: {told}"


def _told(found: Difference) -> dict[str, float]:
    return {
        "gain": _rounded(found.mean),
        "gain_low": _rounded(found.low),
        "gain_high": _rounded(found.high),
        "p_value": _rounded(found.p_value),
    }


def _by_seed(right: np.ndarray, truth: np.ndarray, numbers: list[int]) -> list[float]:
    """Mean recall of some classes by each seed; none when there is no such class."""
    return [_rounded(np.mean([row[truth == n].mean() for n in numbers])) for row in right] if numbers else []


def _rounded(value: float) -> float:
    return round(float(value), 4)
