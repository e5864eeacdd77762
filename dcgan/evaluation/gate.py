"""The gate: decides by the held-out real images which classes ship."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dcgan.config import ResolvedJob
from dcgan.data.split import labels_with_images
from dcgan.evaluation import checks, guesses, sets
from dcgan.evaluation.advice import Facts, advise, comparison, scores
from dcgan.evaluation.arms import WITH
from dcgan.evaluation.recipes import share_of_draws
from dcgan.evaluation.recognitions import Recognitions, read_recognitions, rounded
from dcgan.evaluation.statistics import Difference, difference, holm
from dcgan.execution import randomness
from dcgan.run import records, sentences
from dcgan.run.paths import Run
from dcgan.run.proof import MIN_HOLDOUT, SIGNIFICANT
from dcgan.run.records import (
    ClassEvidence,
    Effect,
    EvaluationRecord,
    FailedCheck,
    MeasuresRecord,
    OverallEvidence,
    RecipeRecord,
    SplitRecord,
    Verdict,
)

WITHHELD = {
    "report": frozenset[Effect](),
    "no_harm": frozenset({Effect.HARMS, Effect.UNFIT}),
    "proven_gain": frozenset({Effect.HARMS, Effect.UNFIT, Effect.UNTESTED, Effect.UNCLEAR}),
}
"""By policy: the effects for which a class is withheld."""


@dataclass(frozen=True)
class Gains:
    """What the synthetic images add to smoothed recall."""

    whole: Difference
    """Over all classes: of balanced accuracy."""
    classes: Mapping[int, Difference]
    """Of each class that has held-out images."""
    p_holm: Mapping[int, float]
    """Corrected p-value of each class that can have a verdict."""


def judge(run: Run, job: ResolvedJob) -> EvaluationRecord:
    """Turn the classifiers' results into one verdict on the whole and one on each class, and leave them in the run.

    Args:
        run: with measures taken, the recipe chosen and the classifiers of `arms.compared` tested.
        job: resolved.
    """
    labels = labels_with_images(run)
    split = records.read(run.split_record, SplitRecord)
    num_real = [split.classes[label].train for label in labels]
    recipe = records.read(run.recipe_record, RecipeRecord)
    measures = records.read_if_there(run.measures, MeasuresRecord)
    found = read_recognitions(run, job.gate, recipe)
    gains = gains_of(found, labels, job.generation.seed)
    overall, classes = verdicts(job.gate.policy, found, gains, labels, num_real, measures)
    if recipe.chosen.guessed:
        scarce = {labels[number]: num_real[number] for number in sets.scarce(num_real)}
        for label, count in guesses.counts(run).items():
            if label in scarce:
                share = share_of_draws(scarce[label], count, recipe.chosen.guessed)
                classes[label] = classes[label].model_copy(update={"guessed": count, "guessed_share": share})
    facts = Facts(recipe, found, num_real, labels)
    ships = any(evidence.verdict is Verdict.SHIPPED for evidence in classes.values())
    draws = randomness.generator(job.generation.seed, "", "advice bootstrap")
    of_arms = scores(facts, draws)
    record = EvaluationRecord(
        overall=overall,
        recipe=recipe,
        advice=advise(facts, of_arms, draws, ships=ships),
        arms=of_arms,
        rare=[labels[number] for number in sets.rare(num_real)],
        balanced_accuracy={
            "without": found.recall(found.without, found.tested),
            "with": found.recall(WITH, found.tested),
        },
        classes=classes,
    )
    records.write(run.evaluation_record, record)
    return record


def verdicts(
    policy: str,
    found: Recognitions,
    gains: Gains,
    labels: Sequence[str],
    num_real: Sequence[int],
    measures: MeasuresRecord | None,
) -> tuple[OverallEvidence, dict[str, ClassEvidence]]:
    """The verdict on the whole, and the one on each class.

    Args:
        policy: report, no_harm or proven_gain.
        found: what the classifiers recognised.
        gains: by `gains_of`.
        labels: class names.
        num_real: training images of each class.
        measures: of the synthetic images; None: they have none.
    """
    overall, classes = _overall(policy, gains.whole), {}
    for number, label in enumerate(labels):
        failed = checks.failed(measures.classes.get(label, {})) if measures else None
        of_draws = share_of_draws(num_real[number], int(found.synthetic[number]), found.recipes[WITH].synthetic)
        classes[label] = _of_class(policy, number, found, gains, failed, overall, of_draws)
    return overall, classes


def gains_of(found: Recognitions, labels: Sequence[str], seed: int) -> Gains:
    """The gains by class and overall.

    Args:
        found: what the classifiers recognised.
        labels: class names.
        seed: of the bootstrap.
    """
    gains = {number: found.gain(WITH, found.without, number) for number in found.tested}
    classes = {
        number: difference([gains[number]], randomness.generator(seed, labels[number], "bootstrap"))
        for number in found.tested
    }
    whole = difference(list(gains.values()), randomness.generator(seed, "", "bootstrap"))
    decided = [n for n in found.tested if found.synthetic[n] and found.holdout(n) >= MIN_HOLDOUT]
    adjusted = holm({labels[number]: classes[number].p_value for number in decided})
    return Gains(whole, classes, {number: adjusted[labels[number]] for number in decided})


def _overall(policy: str, whole: Difference) -> OverallEvidence:
    effect, accuracy = effect_of(whole, whole.p_value), comparison(whole)
    return OverallEvidence(
        gain=accuracy.gain,
        gain_low=accuracy.gain_low,
        gain_high=accuracy.gain_high,
        p_value=accuracy.p_value,
        smoothed=accuracy.smoothed,
        verdict=verdict_of(policy, effect),
        effect=effect,
        reason=sentences.effect(effect, "balanced accuracy", accuracy),
    )


def _of_class(
    policy: str,
    number: int,
    found: Recognitions,
    gains: Gains,
    failed: FailedCheck | None,
    overall: OverallEvidence,
    of_draws: float,
) -> ClassEvidence:
    """The evidence on one class, and its verdict."""
    if failed:
        effect = Effect.UNFIT
    elif not found.synthetic[number]:
        effect = Effect.NONE
    elif found.holdout(number) < MIN_HOLDOUT:
        effect = Effect.UNTESTED
    else:
        effect = effect_of(gains.classes[number], gains.p_holm[number])
    verdict = verdict_of(policy, effect)
    harm_overall = verdict is Verdict.SHIPPED and overall.effect is Effect.HARMS and policy != "report"
    is_tested = number in gains.classes
    return ClassEvidence(
        verdict=Verdict.WITHHELD if harm_overall else verdict,
        effect=effect,
        harm_overall=harm_overall,
        holdout=found.holdout(number),
        holdout_needed=MIN_HOLDOUT,
        recall_without=rounded(np.mean(found.recall(found.without, [number]))) if is_tested else None,
        recall_with=rounded(np.mean(found.recall(WITH, [number]))) if is_tested else None,
        recall=comparison(gains.classes[number]) if is_tested else None,
        p_holm=rounded(gains.p_holm.get(number, 1.0)) if is_tested else None,
        failed_check=failed,
        synthetic_share=of_draws,
    )


def effect_of(found: Difference, p_adjusted: float) -> Effect:
    """What a difference shows.

    The two possible errors have different weights. A gain is claimed only if it survives the correction for the number
    of classes. Harm need not: an interval below 0 is enough.

    Args:
        found: with the images minus without.
        p_adjusted: p-value, corrected for the number of classes.
    """
    if found.high < 0:
        return Effect.HARMS
    return Effect.HELPS if found.low > 0 and p_adjusted < SIGNIFICANT else Effect.UNCLEAR


def verdict_of(policy: str, effect: Effect) -> Verdict:
    """The verdict of a policy on an effect.

    Args:
        policy: report, no_harm or proven_gain.
        effect: on a class, or overall.
    """
    if effect is Effect.NONE:
        return Verdict.NONE
    return Verdict.WITHHELD if effect in WITHHELD[policy] else Verdict.SHIPPED
