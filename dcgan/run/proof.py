"""What a proof needs: whether a plan can come to a verdict at all is known before its first step."""

from __future__ import annotations

from collections.abc import Mapping

from dcgan.config import ResolvedJob
from dcgan.errors import ConfigError, DcganError, InputError
from dcgan.run.records import ClassPlan
from dcgan.text import counted

MIN_HOLDOUT = 20  # held-out images of a class under which no verdict is tried: one image is 5 points of recall
MIN_TESTED = 2  # classes with held-out images: of one alone, nothing tells whether others are taken for it
SIGNIFICANT = 0.05
NUM_BOOTSTRAPS = 2000
SMALLEST_P = 2 / NUM_BOOTSTRAPS  # a bootstrap knows nothing of smaller chances, on either side


def require_without_leaked(job: ResolvedJob, plan: Mapping[str, ClassPlan], leaked: Mapping[str, int]) -> None:
    """Refuse a split that nothing can be proven on once near duplicates of training images are left out.

    Args:
        job: resolved.
        plan: of each class.
        leaked: held-out images of each class that are no evidence.

    Raises:
        ConfigError, InputError: see `require_evidence` and `require_verdicts`.
    """
    if not any(leaked.values()):
        return
    left = {
        label: planned.model_copy(update={"holdout": planned.holdout - leaked.get(label, 0)})
        for label, planned in plan.items()
    }
    try:
        require_evidence(job, left)
        require_verdicts(job, left)
    except DcganError as error:
        count = counted(sum(leaked.values()), "held-out image")
        raise type(error)(
            f"{error}. {count} not counted here: nearly the same as a training image, and so no evidence. Such images "
            "belong on one side, such as all frames of a film or all pictures of one object"
        ) from error


def require_evidence(job: ResolvedJob, plan: Mapping[str, ClassPlan]) -> None:
    """Refuse a split that nothing can be proven on.

    Args:
        job: resolved.
        plan: of each class.

    Raises:
        InputError: fewer than two classes have both training and held-out images.
    """
    tested = [label for label, planned in plan.items() if planned.train and planned.holdout]
    if len(tested) >= MIN_TESTED:
        return
    found = ", ".join(f"{label}: {planned.train} and {planned.holdout}" for label, planned in plan.items())
    which = f"only class {tested[0]!r} has" if tested else "no class has"
    holdout = job.data.holdout
    remedy = (
        f"data.holdout is {holdout:g}: set a larger share"
        if isinstance(holdout, float)
        else f"data.holdout is {holdout!r}: see that this split has images of the classes that are trained"
    )
    raise InputError(
        f"{which} both training and held-out images, but two classes must: what the synthetic images are worth is "
        f"measured on real images that no GAN has seen. Images to train on and held out, by class: {found}. {remedy}"
    )


def require_verdicts(job: ResolvedJob, plan: Mapping[str, ClassPlan]) -> None:
    """Refuse a job that ships proven gains only, where no gain can be proven.

    Args:
        job: resolved.
        plan: of each class.

    Raises:
        ConfigError: with what to change.
    """
    if job.gate.policy != "proven_gain":
        return
    asked = {label: planned.holdout for label, planned in plan.items() if planned.requested}
    decided = [label for label, holdout in asked.items() if holdout >= MIN_HOLDOUT]
    if not decided:
        found = ", ".join(f"{label}: {holdout}" for label, holdout in asked.items())
        raise ConfigError(
            f"gate.policy is proven_gain, but no class with images to make has the {MIN_HOLDOUT} held-out images "
            f"that a verdict needs ({found}): nothing could ship. Hold out more (data.holdout), or set gate.policy: "
            "no_harm"
        )
    if len(decided) * SMALLEST_P >= SIGNIFICANT:
        raise ConfigError(
            f"gate.policy is proven_gain, and images are asked for of {len(decided)} classes: with so many no gain can "
            f"be proven, since the smallest p-value is {SMALLEST_P:g} before Holm's correction. Ask for images of "
            f"fewer than {round(SIGNIFICANT / SMALLEST_P)} classes, or set gate.policy: no_harm"
        )
