"""The gate: verdicts follow the evidence and the policy, of each class and of all together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dcgan.config import parse_job
from dcgan.evaluation.gate import MIN_HOLDOUT, decide, judge
from dcgan.evaluation.sets import WITH, WITHOUT, compared
from dcgan.evaluation.statistics import Difference
from dcgan.files import storage
from dcgan.run.paths import Run


@pytest.mark.parametrize(
    ("policy", "low", "high", "verdict", "reason"),
    [
        ("report", -0.2, -0.1, "shipped", "harms"),
        ("no_harm", -0.2, -0.1, "withheld", "harms"),
        ("proven_gain", -0.2, -0.1, "withheld", "harms"),
        ("report", -0.1, 0.1, "shipped", "no difference shown"),
        ("no_harm", -0.1, 0.1, "shipped", "no difference shown"),
        ("proven_gain", -0.1, 0.1, "withheld", "no difference shown"),
        ("report", 0.1, 0.2, "shipped", "helps"),
        ("no_harm", 0.1, 0.2, "shipped", "helps"),
        ("proven_gain", 0.1, 0.2, "shipped", "helps"),
        ("no_harm", -0.1, 0.0, "shipped", "no difference shown"),  # no harm is shown as long as none is possible
        ("proven_gain", 0.0, 0.1, "withheld", "no difference shown"),
    ],
)
def test_verdict_follows_evidence_and_policy(policy: str, low: float, high: float, verdict: str, reason: str) -> None:
    decided, told = decide(policy, "recall", Difference((low + high) / 2, low, high, 0.01), 0.01)
    assert decided == verdict and told.startswith(f"{reason}: recall ")
    assert f"({100 * low:+.1f} to {100 * high:+.1f})" in told


def test_gain_is_not_claimed_when_it_may_be_one_of_many_chances_but_harm_is_not_waited_for() -> None:
    gain, harm = Difference(0.1, 0.01, 0.2, 0.03), Difference(-0.1, -0.2, -0.01, 0.03)
    assert decide("proven_gain", "recall", gain, 0.3)[0] == "withheld"
    assert decide("proven_gain", "recall", gain, 0.049)[0] == "shipped"
    assert decide("no_harm", "recall", harm, 0.3)[0] == "withheld"


def measured(
    tmp_path: Path, rights: dict[str, np.ndarray], truth: np.ndarray, num_train: list[int], policy: str = "no_harm"
) -> dict[str, Any]:
    """The record of a run whose two seeds recognised these held-out images, in all arms that are not given alike."""
    run = Run(tmp_path)
    labels = ["a", "b", "c"]
    classes = {label: {"train": count} for label, count in zip(labels, num_train, strict=True)}
    storage.write_json(run.split_record, {"classes": classes | {"empty": {"train": 0}}})
    storage.write_json(run.measures, {"classes": {label: {} for label in labels}})
    storage.write_json(run.share_record, {"chosen": 0.5, "tried": {"0": 0.5, "0.5": 0.6}})
    base = rights[WITHOUT]
    about = {"truth": truth, "synthetic": np.array([10, 30, 0]), "strength": np.array(0.5)}
    for number, (_, arm) in enumerate(compared(2)):
        arrays = {"right": rights.get(arm, base), **about}
        storage.write_bytes(run.compared(number), storage.pack_arrays(arrays))
    values = {"name": "j", "data": {"source": "x"}, "gate": {"classifier_seeds": 2, "policy": policy}}
    record = judge(run, parse_job(values, where=""))
    assert storage.read_json(run.evaluation_record) == record
    return record


TRUTH = np.repeat(np.arange(3), 40)
HALF = np.tile([True, False], 60)


def test_each_class_is_judged_by_its_own_held_out_images(tmp_path: Path) -> None:
    after = (HALF | (TRUTH == 1)) & (TRUTH != 0)
    record = measured(tmp_path, {WITHOUT: HALF, WITH: after}, TRUTH, [10, 10, 10])
    verdicts = {label: entry["verdict"] for label, entry in record["classes"].items()}
    assert verdicts == {"a": "withheld", "b": "shipped", "c": "none"}
    measures = record["classes"]["a"]["measures"]
    assert (measures["holdout"], measures["recall_without"], measures["recall_with"]) == (40, 0.5, 0.0)
    assert measures["gain"] == -0.5 and measures["gain_high"] < 0
    assert record["classes"]["b"]["measures"]["p_holm"] == 2 * record["classes"]["b"]["measures"]["p_value"] == 0.002
    # What one class loses the other gains: nothing is shown of the whole.
    assert record["overall"]["reason"].startswith("no difference shown: balanced accuracy +0.0 points")
    assert record["balanced_accuracy"] == {"without": [0.5, 0.5], "with": [0.5, 0.5]}


@pytest.mark.parametrize(("policy", "verdict"), [("no_harm", "withheld"), ("report", "shipped")])
def test_harm_to_the_whole_withholds_classes_that_harm_none_by_themselves(
    tmp_path: Path, policy: str, verdict: str
) -> None:
    after = HALF & (TRUTH != 2)  # the class without synthetic images pays
    record = measured(tmp_path, {WITHOUT: HALF, WITH: after}, TRUTH, [10, 10, 10], policy)
    assert record["overall"]["gain_high"] < 0
    for label in ("a", "b"):
        assert record["classes"][label]["verdict"] == verdict
    reason = record["classes"]["a"]["reason"]
    assert reason.startswith(
        "all classes together: harms: balanced accuracy" if policy == "no_harm" else "no difference"
    )


@pytest.mark.parametrize("policy", ["report", "no_harm", "proven_gain"])
def test_too_few_held_out_images_give_no_verdict_and_no_proof(tmp_path: Path, policy: str) -> None:
    truth = np.concatenate([np.zeros(MIN_HOLDOUT - 1, int), np.ones(40, int)])
    right = {WITHOUT: np.zeros(len(truth), bool), WITH: np.ones(len(truth), bool)}
    entry = measured(tmp_path, right, truth, [10, 10, 10], policy)["classes"]["a"]
    assert entry["verdict"] == ("withheld" if policy == "proven_gain" else "shipped")
    assert entry["reason"] == f"no verdict: {MIN_HOLDOUT - 1} held-out images, at least {MIN_HOLDOUT} are needed"


def test_a_class_without_held_out_images_is_not_measured(tmp_path: Path) -> None:
    truth = np.ones(40, int)
    record = measured(tmp_path, {WITHOUT: truth > 0}, truth, [10, 10, 10])
    assert record["classes"]["a"]["measures"] == {"holdout": 0}
    assert record["classes"]["a"]["reason"].startswith("no verdict: 0 held-out images")


def test_share_that_was_measured_with_is_told_and_grows_as_real_images_get_fewer(tmp_path: Path) -> None:
    record = measured(tmp_path, {WITHOUT: HALF}, TRUTH, [10, 10, 10])
    shares = {label: entry["synthetic_share"] for label, entry in record["classes"].items()}
    assert shares == {"a": 0.25, "b": 0.375, "c": 0.0}


def test_rare_classes_are_those_far_under_the_largest(tmp_path: Path) -> None:
    after = HALF | (TRUTH == 0)
    record = measured(tmp_path, {WITHOUT: HALF, WITH: after}, TRUTH, [20, 100, 21])
    assert record["rare"] == ["a"]
    assert record["arms"][WITH]["rare_recall"] == [1.0, 1.0] and record["arms"]["real"]["rare_recall"] == [0.5, 0.5]
    assert record["arms"][WITH]["balanced_accuracy"] == [0.6667, 0.6667]
