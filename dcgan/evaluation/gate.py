"""The gate: which classes ship, on the evidence of the held-out real images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dcgan import randomness, storage
from dcgan.config import JobConfig
from dcgan.evaluation.share import synthetic_share
from dcgan.paths import Run
from dcgan.split import labels_with_images

MIN_HOLDOUT = 20  # held-out images of a class under which no verdict is tried: one image is 5 points of recall
CONFIDENCE = 0.95
NUM_BOOTSTRAPS = 2000


def judge(run: Run, config: JobConfig) -> dict[str, Any]:
    """Turn the paired classifiers' results into a verdict for each class that has synthetic images.

    Args:
        run: with `config.gate.classifier_seeds` measured pairs.
        config: resolved.

    Returns:
        `balanced_accuracy` without and with, and per class `verdict` ("shipped", "withheld", or "none" for a class
        that had no synthetic images), `reason`, `measures`: recall without and with, gain and its confidence interval
        (shares, 0 to 1), held-out images; and the `synthetic_share` of the class's draws that this was measured with.
    """
    pairs = [storage.unpack_arrays(run.utility(n).read_bytes()) for n in range(config.gate.classifier_seeds)]
    without, with_synthetic = (np.stack([pair[arm] for pair in pairs]).astype(float) for arm in ("without", "with"))
    truth, synthetic = pairs[0]["truth"], pairs[0]["synthetic"]
    labels = labels_with_images(run)
    num_real = storage.read_json(run.split_record)["classes"]
    tested = [number for number in range(len(labels)) if (truth == number).any()]
    classes: dict[str, Any] = {}
    for number, label in enumerate(labels):
        of_class = truth == number
        num_holdout = int(of_class.sum())
        measures: dict[str, Any] = {"holdout": num_holdout}
        if num_holdout:
            before, after = without[:, of_class], with_synthetic[:, of_class]
            draws = randomness.generator(config.generation.seed, label, "bootstrap")
            low, high = confidence_interval(after - before, draws)
            measures |= {
                "recall_without": round(float(before.mean()), 4),
                "recall_with": round(float(after.mean()), 4),
                "gain": round(float((after - before).mean()), 4),
                "gain_low": round(low, 4),
                "gain_high": round(high, 4),
            }
        if synthetic[number]:
            verdict, reason = decide(config.gate.policy, measures)
        else:
            verdict, reason = "none", "no synthetic image was there to be measured"
        share = synthetic_share(num_real[label]["train"], int(synthetic[number]))
        classes[label] = {"verdict": verdict, "reason": reason, "measures": measures, "synthetic_share": share}
    record = {
        "balanced_accuracy": {
            name: [round(float(np.mean([row[truth == number].mean() for number in tested])), 4) for row in arm]
            for name, arm in (("without", without), ("with", with_synthetic))
        },
        "classes": classes,
    }
    storage.write_json(run.evaluation_record, record)
    return record


def decide(policy: str, measures: Mapping[str, Any]) -> tuple[str, str]:
    """Verdict and reason for one class.

    Args:
        policy: report, no_harm or proven_gain.
        measures: `holdout`, and unless that is 0 `gain`, `gain_low`, `gain_high`.
    """
    if measures["holdout"] < MIN_HOLDOUT:
        reason = f"no verdict: {measures['holdout']} held-out images, at least {MIN_HOLDOUT} are needed"
        return ("withheld" if policy == "proven_gain" else "shipped"), reason
    gain, low, high = (100 * measures[name] for name in ("gain", "gain_low", "gain_high"))
    told = f"recall {gain:+.1f} points ({low:+.1f} to {high:+.1f})"
    if high < 0:
        return ("shipped" if policy == "report" else "withheld"), f"harms: {told}"
    if low > 0:
        return "shipped", f"helps: {told}"
    return ("withheld" if policy == "proven_gain" else "shipped"), f"no difference shown: {told}"


def confidence_interval(differences: np.ndarray, draws: np.random.Generator) -> tuple[float, float]:
    """Percentile bootstrap of the mean, over held-out images and over classifier seeds, both drawn again.

    Args:
        differences: (seeds, images), each -1, 0 or 1.
        draws: for the bootstrap.
    """
    num_seeds, num_images = differences.shape
    means = np.empty(NUM_BOOTSTRAPS)
    for number in range(NUM_BOOTSTRAPS):
        seeds = draws.integers(num_seeds, size=num_seeds)
        images = draws.integers(num_images, size=num_images)
        means[number] = differences[seeds][:, images].mean()
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
