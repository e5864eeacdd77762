"""The gate: verdicts follow the evidence and the policy, of each class and of all together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dcgan.config import parse_job
from dcgan.evaluation.arms import CLASSICAL, FEWER, WITH, WITHOUT, compared
from dcgan.evaluation.gate import effect_of, judge, verdict_of
from dcgan.evaluation.metrics.outlying import OUTLYING
from dcgan.evaluation.statistics import Difference
from dcgan.files import storage
from dcgan.run import records, sentences
from dcgan.run.paths import Run
from dcgan.run.proof import MIN_HOLDOUT
from dcgan.run.records import Check, Effect, EvaluationRecord, Measure, Verdict
from tests.records import comparison, measures_record, recipe, recipe_record, split_record


@pytest.mark.parametrize(
    ("policy", "low", "high", "verdict", "effect"),
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
def test_verdict_follows_evidence_and_policy(policy: str, low: float, high: float, verdict: str, effect: str) -> None:
    found = effect_of(Difference((low + high) / 2, low, high, 0.01), 0.01)
    assert found == effect and verdict_of(policy, found) == verdict
    told = sentences.effect(found, "recall", comparison(low, high))
    assert told.startswith(f"{effect}: recall ") and f"({100 * low:+.1f} to {100 * high:+.1f})" in told


@pytest.mark.parametrize("policy", ["report", "no_harm", "proven_gain"])
@pytest.mark.parametrize("effect", Effect)
def test_every_effect_has_a_verdict_by_every_policy(policy: str, effect: Effect) -> None:
    withheld_by = {
        Effect.HARMS: {"no_harm", "proven_gain"}, Effect.UNFIT: {"no_harm", "proven_gain"},
        Effect.UNCLEAR: {"proven_gain"}, Effect.UNTESTED: {"proven_gain"},
    }  # fmt: skip
    expected = Verdict.WITHHELD if policy in withheld_by.get(effect, set()) else Verdict.SHIPPED
    assert verdict_of(policy, effect) is (Verdict.NONE if effect is Effect.NONE else expected)


def test_gain_is_not_claimed_when_it_may_be_one_of_many_chances_but_harm_is_not_waited_for() -> None:
    gain, harm = Difference(0.1, 0.01, 0.2, 0.03), Difference(-0.1, -0.2, -0.01, 0.03)
    assert verdict_of("proven_gain", effect_of(gain, 0.3)) is Verdict.WITHHELD
    assert verdict_of("proven_gain", effect_of(gain, 0.049)) is Verdict.SHIPPED
    assert verdict_of("no_harm", effect_of(harm, 0.3)) is Verdict.WITHHELD


def measured(
    tmp_path: Path,
    rights: dict[str, np.ndarray],
    truth: np.ndarray,
    num_train: list[int],
    policy: str = "no_harm",
    *,
    measures: dict[str, dict[str, Measure]] | None = None,
    seed: int = 0,
) -> EvaluationRecord:
    """The record of a run whose two seeds recognised these held-out images, in all arms that are not given alike.

    What is given of an arm is which images were recognised, or how clearly each was (`recognitions.margins`).
    """
    run = Run(tmp_path)
    labels = ["a", "b", "c"]
    train = dict(zip(labels, num_train, strict=True))
    records.write(run.split_record, split_record(train | {"empty": 0}))
    records.write(run.measures, measures_record({label: {} for label in labels} if measures is None else measures))
    records.write(run.recipe_record, recipe_record(chosen=recipe(mixup=True)))
    base = rights[WITHOUT]
    for number, (_, arm) in enumerate(compared(2)):
        found = rights.get(arm, base)
        margin = np.where(found, 1.0, -1.0) if found.dtype == bool else found
        arrays = {"margin": margin, "truth": truth, "synthetic": np.array([10, 30, 0])}
        storage.write_bytes(run.compared(number), storage.pack_arrays(arrays))
    values = {"name": "j", "data": {"source": "x"}, "gate": {"classifier_seeds": 2, "policy": policy}}
    values |= {"generation": {"seed": seed}}
    record = judge(run, parse_job(values, where="").resolve(Path()))
    assert records.read(run.evaluation_record, EvaluationRecord) == record
    return record


ALMOST = 0.02  # images as far on either side of the border are smoothed to 0.007 and 0.993
TRUTH = np.repeat(np.arange(3), 40)
HALF = np.tile([True, False], 60)


def test_each_class_is_judged_by_its_own_held_out_images(tmp_path: Path) -> None:
    after = (HALF | (TRUTH == 1)) & (TRUTH != 0)
    record = measured(tmp_path, {WITHOUT: HALF, WITH: after}, TRUTH, [10, 10, 10])
    verdicts = {label: evidence.verdict for label, evidence in record.classes.items()}
    assert verdicts == {"a": Verdict.WITHHELD, "b": Verdict.SHIPPED, "c": Verdict.NONE}
    effects = {label: evidence.effect for label, evidence in record.classes.items()}
    assert effects == {"a": Effect.HARMS, "b": Effect.HELPS, "c": Effect.NONE}
    one, other = record.classes["a"], record.classes["b"]
    assert (one.holdout, one.recall_without, one.recall_with) == (40, 0.5, 0.0)
    assert one.recall and one.recall.gain == pytest.approx(-0.5, rel=ALMOST) and one.recall.gain_high < 0
    assert other.recall and other.p_holm == 2 * other.recall.p_value == 0.002
    # What one class loses the other gains: nothing is shown of the whole.
    assert record.overall.effect is Effect.UNCLEAR and record.overall.gain == 0
    assert record.overall.reason.startswith("no difference shown: balanced accuracy +0.0 points")
    assert record.balanced_accuracy == {"without": [0.5, 0.5], "with": [0.5, 0.5]}


@pytest.mark.parametrize(("policy", "verdict"), [("no_harm", "withheld"), ("report", "shipped")])
def test_harm_to_the_whole_withholds_classes_that_harm_none_by_themselves(
    tmp_path: Path, policy: str, verdict: str
) -> None:
    after = HALF & (TRUTH != 2)  # the class without synthetic images pays
    record = measured(tmp_path, {WITHOUT: HALF, WITH: after}, TRUTH, [10, 10, 10], policy)
    assert record.overall.gain_high < 0 and record.overall.effect is Effect.HARMS
    for label in ("a", "b"):
        assert record.classes[label].verdict == verdict
        assert record.classes[label].harm_overall == (policy == "no_harm")
        assert record.classes[label].effect is Effect.UNCLEAR
    reason = sentences.evidence(record.classes["a"], record.overall)
    assert reason.startswith(
        "all classes together: harms: balanced accuracy" if policy == "no_harm" else "no difference"
    )


@pytest.mark.parametrize(
    ("policy", "verdict"), [("no_harm", "withheld"), ("report", "shipped"), ("proven_gain", "withheld")]
)
def test_class_that_helps_keeps_its_effect_where_all_together_harm(tmp_path: Path, policy: str, verdict: str) -> None:
    after = (HALF | (TRUTH == 1)) & (TRUTH == 1)
    record = measured(tmp_path, {WITHOUT: HALF, WITH: after}, TRUTH, [10, 10, 10], policy)
    assert record.overall.effect is Effect.HARMS and record.classes["b"].effect is Effect.HELPS
    assert (record.classes["b"].verdict, record.classes["b"].harm_overall) == (verdict, policy != "report")


@pytest.mark.parametrize(("policy", "verdict"), [("no_harm", "withheld"), ("report", "shipped")])
def test_images_that_fail_a_check_are_unfit_whatever_they_are_worth(tmp_path: Path, policy: str, verdict: str) -> None:
    noise = {"a": {OUTLYING.name: Measure(value=0.9, ceiling=0.01)}}  # nothing was measured of the others
    helps = {WITHOUT: HALF, WITH: HALF | (TRUTH < 2)}
    record = measured(tmp_path, helps, TRUTH, [10, 10, 10], policy, measures=noise)
    unfit, fit = record.classes["a"], record.classes["b"]
    assert (unfit.effect, unfit.verdict, unfit.harm_overall) == (Effect.UNFIT, verdict, False)
    assert unfit.failed_check and unfit.failed_check.check is Check.OUTLYING and unfit.failed_check.value == 0.9
    assert (fit.effect, fit.verdict, fit.failed_check) == (Effect.HELPS, Verdict.SHIPPED, None)
    assert record.overall.verdict is Verdict.SHIPPED and record.overall.smoothed


def test_intervals_follow_from_the_seed_and_each_class_has_draws_of_its_own(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    rights = {WITHOUT: np.tile(draws.normal(size=40), 3), WITH: np.tile(draws.normal(size=40), 3)}

    def intervals(seed: int) -> list[tuple[float, float]]:
        record = measured(tmp_path / str(seed), rights, TRUTH, [10, 10, 10], seed=seed)
        found = [*(evidence.recall for evidence in record.classes.values()), record.overall, record.advice.images]
        return [(one.gain_low, one.gain_high) for one in found if one]

    one, other = intervals(1), intervals(2)
    assert one == intervals(1)
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))
    assert len(set(one)) == len(one) == 5


@pytest.mark.parametrize("policy", ["report", "no_harm", "proven_gain"])
def test_too_few_held_out_images_give_no_verdict_and_no_proof(tmp_path: Path, policy: str) -> None:
    truth = np.concatenate([np.zeros(MIN_HOLDOUT - 1, int), np.ones(MIN_HOLDOUT, int)])
    right = {WITHOUT: np.zeros(len(truth), bool), WITH: np.ones(len(truth), bool)}
    record = measured(tmp_path, right, truth, [10, 10, 10], policy)
    evidence = record.classes["a"]
    assert evidence.verdict == ("withheld" if policy == "proven_gain" else "shipped")
    assert evidence.effect is Effect.UNTESTED and evidence.p_holm == 1.0
    assert record.classes["b"].effect is Effect.HELPS, "just enough of them"
    reason = sentences.evidence(evidence, record.overall)
    assert reason == f"no verdict: {MIN_HOLDOUT - 1} held-out images, at least {MIN_HOLDOUT} are needed"


def test_a_class_without_held_out_images_is_not_measured(tmp_path: Path) -> None:
    truth = np.ones(40, int)
    record = measured(tmp_path, {WITHOUT: truth > 0}, truth, [10, 10, 10])
    evidence = record.classes["a"]
    assert (evidence.holdout, evidence.recall, evidence.recall_without, evidence.p_holm) == (0, None, None, None)
    assert evidence.effect is Effect.UNTESTED
    assert sentences.evidence(evidence, record.overall).startswith("no verdict: 0 held-out images")


def test_share_that_was_measured_with_is_told_and_grows_as_real_images_get_fewer(tmp_path: Path) -> None:
    record = measured(tmp_path, {WITHOUT: HALF}, TRUTH, [10, 10, 10])
    shares = {label: evidence.synthetic_share for label, evidence in record.classes.items()}
    assert shares == {"a": 0.25, "b": 0.375, "c": 0.0}


def test_rare_classes_are_those_far_under_the_largest(tmp_path: Path) -> None:
    after = HALF | (TRUTH == 0)
    record = measured(tmp_path, {WITHOUT: HALF, WITH: after}, TRUTH, [20, 100, 21])
    assert record.rare == ["a"]
    assert record.arms[WITH].rare_recall == [1.0, 1.0] and record.arms[CLASSICAL].rare_recall == [0.5, 0.5]
    assert record.arms[WITH].balanced_accuracy == [0.6667, 0.6667]


def test_advice_tells_what_the_recipe_gains_and_what_of_it_is_the_images_own(tmp_path: Path) -> None:
    image = np.arange(120) % 40
    rights = {CLASSICAL: image < 20, WITHOUT: image < 28, WITH: image < 30, FEWER: image < 16}
    record = measured(tmp_path, rights, TRUTH, [20, 100, 10])
    advice = record.advice
    assert advice.recipe == record.recipe.chosen and advice.measure == "recall of rare classes"
    assert (advice.classical, advice.advised) == (0.5, 0.75)
    assert (advice.gain.gain, advice.images.gain) == pytest.approx((0.25, 0.05), rel=ALMOST)
    assert record.arms[WITH].gain == advice.gain and record.arms[CLASSICAL].gain is None
    told = sentences.advice(advice)
    assert told.startswith(
        "Train with mixup and these images: recall of rare classes 50.0% → 75.0% (smoothed +24.7 points, "
    )
    # A doubling adds 10 points, the images half of that: half a doubling of 20 and of 10 images.
    assert advice.worth and advice.worth.doubling.gain == pytest.approx(0.1, rel=ALMOST)
    assert advice.worth.images == pytest.approx(15 * (2**0.5 - 1))
    assert advice.worth.images_low is not None and advice.worth.images is not None
    assert advice.worth.images_low < advice.worth.images
    assert advice.worth.classes == pytest.approx({"a": 0.0585, "c": 0.1}, rel=ALMOST)


@pytest.mark.parametrize(
    ("after", "policy", "advised"),
    [
        (HALF | (TRUTH == 0), "no_harm", True),
        (HALF, "no_harm", False),  # they add nothing
        (HALF & (TRUTH > 0), "report", False),  # they ship, and harm
        (HALF & (TRUTH > 0), "no_harm", False),
    ],
)
def test_images_are_advised_only_where_they_add_something(
    tmp_path: Path, after: np.ndarray, policy: str, advised: bool
) -> None:
    record = measured(tmp_path, {WITHOUT: HALF, WITH: after}, TRUTH, [10, 10, 10], policy)
    assert bool(record.advice.recipe.synthetic) == advised and record.advice.recipe.mixup
    told = sentences.advice(record.advice)
    assert told.startswith(f"Train with mixup and {'' if advised else 'without '}these images: ")


def test_recipe_that_is_shown_to_harm_is_not_advised(tmp_path: Path) -> None:
    """Although it was the best on validation images."""
    worse = HALF & (np.arange(len(TRUTH)) % 4 > 0)
    record = measured(tmp_path, {CLASSICAL: HALF, WITHOUT: worse, WITH: worse}, TRUTH, [10, 10, 10])
    gain = record.arms[WITHOUT].gain
    assert gain is not None and gain.gain_high < 0
    assert record.advice.recipe == record.arms[CLASSICAL].recipe and not record.advice.gain.gain
    assert record.advice.advised == record.advice.classical
    assert sentences.advice(record.advice).startswith("Train without these images: ")


def test_where_more_real_images_are_not_seen_to_help_the_images_worth_is_not_told(tmp_path: Path) -> None:
    record = measured(tmp_path, {WITHOUT: HALF, WITH: HALF | (TRUTH == 0)}, TRUTH, [10, 100, 100])
    assert record.advice.worth and record.advice.worth.images is None
    assert "is unknown" in sentences.worth(record.advice)
