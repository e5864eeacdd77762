"""The plan: what will be made of each class, known as soon as the images are split."""

from __future__ import annotations

from collections.abc import Mapping

from dcgan.config import ResolvedJob
from dcgan.errors import ConfigError
from dcgan.run import budget
from dcgan.run.proof import require_evidence, require_verdicts
from dcgan.run.records import ClassPlan, ClassState, SplitRecord


def make_plan(job: ResolvedJob, split: SplitRecord) -> dict[str, ClassPlan]:
    """Amounts per class, refused classes with 0.

    Args:
        job: resolved.
        split: how its images are split.

    Raises:
        ConfigError: generation.per_class names a class that is not in the data, or only classes that are refused, or
            nothing would be generated; or nothing could come of it: no gain could be proven, or no class trained in
            `training.max_minutes`.
        InputError: fewer than two classes have both training and held-out images.
    """
    classes = split.classes
    by_name = job.generation.per_class
    if isinstance(by_name, dict) and (unknown := sorted(set(by_name) - set(classes))):
        raise ConfigError(
            f"generation.per_class names {', '.join(map(repr, unknown))}, but the data has the classes "
            f"{', '.join(map(repr, classes))}"
        )
    trainable = {label: counts.train for label, counts in classes.items() if counts.state is ClassState.OK}
    if not any(map(job.generation.asks_for, trainable)):
        refused = (label for label in classes if label not in trainable and job.generation.asks_for(label))
        reasons = "; ".join(f"{label}: {classes[label].reason}" for label in refused)
        raise ConfigError(f"every class that generation.per_class asks images of is refused. {reasons}")
    amounts = job.generation.amounts(trainable)
    plan = {
        label: ClassPlan(
            train=counts.train,
            holdout=counts.holdout,
            state=counts.state,
            reason=counts.reason,
            requested=amounts.get(label, 0),
        )
        for label, counts in classes.items()
    }
    require_evidence(job, plan)
    require_verdicts(job, plan)
    budget.require_enough(job, sum(count > 0 for count in amounts.values()))
    return plan


def estimate_bytes(plan: Mapping[str, ClassPlan], image_shape: tuple[int, int, int], network_width: int) -> int:
    """Room that a run needs, in bytes, from above: images as if PNG saved nothing, and snapshots of every class.

    Args:
        plan: what is to be made.
        image_shape: (H, W, C).
        network_width: `training.width`.
    """
    height, width, channels = image_shape
    num_real = sum(entry.train + entry.holdout for entry in plan.values())
    num_images = num_real + 2 * sum(entry.requested for entry in plan.values())  # in the run, and in its release
    num_trained = sum(entry.requested > 0 for entry in plan.values()) + 1
    growth = max(1.0, max(height, width) / 64)  # every doubling of the side adds a stage as large as all before
    training = BYTES_PER_WIDTH_SQUARED * network_width**2 * growth + LOG_BYTES
    return round(num_images * (height * width * channels + 2000) + num_trained * training)


LOG_BYTES = 1_000_000  # sample grids, timelapse, events and journal of one training
BYTES_PER_WIDTH_SQUARED = 60_000  # two snapshots and a model; measured at 64 x 64 px, width 64: 240 MB
