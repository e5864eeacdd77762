"""What a run has to do, counted: optimizer steps, images and classifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dcgan.config import ResolvedJob
from dcgan.data.split import FOLDS
from dcgan.evaluation import arms
from dcgan.evaluation.recipes import classifier_steps, num_recipes, plain, trial_steps
from dcgan.networks import pace
from dcgan.pipeline.reuse import Reuse
from dcgan.run.records import Cause, Change, ClassChange, ClassPlan
from dcgan.training import policy


@dataclass(frozen=True)
class ClassWork:
    """One class."""

    steps: int
    """Optimizer steps, at most; 0: its model stands."""
    images: int
    """To make."""


@dataclass(frozen=True)
class Work:
    """What is left to do for a run, after what it takes over from earlier ones."""

    judge_steps: int
    base_steps: int
    classes: tuple[ClassWork, ...]
    """Those with something to do."""
    classifiers: tuple[int, ...]
    """Optimizer steps of each classifier of the evaluation."""

    @property
    def is_nothing(self) -> bool:
        """Whether everything stands."""
        return not (self.judge_steps or self.base_steps or self.classes or self.classifiers)


def work_of(job: ResolvedJob, plan: Mapping[str, ClassPlan], reuse: Reuse | None = None) -> Work:
    """Count the work of a run.

    Args:
        job: resolved.
        plan: of each class.
        reuse: what the run takes over from earlier ones; None: nothing.
    """
    new = ClassChange(kind=Change.ANEW, cause=Cause.NEW)
    changes = {
        label: reuse.classes[label].change if reuse else new for label, planned in plan.items() if planned.requested
    }
    classes = [_of_class(job, change, plan[label].requested) for label, change in changes.items()]
    needs_base = job.training.base and any(change.kind is Change.ANEW for change in changes.values())
    return Work(
        judge_steps=0 if reuse and reuse.judge else judge_steps(job),
        base_steps=0 if not needs_base or (reuse and reuse.base) else job.training.base_steps,
        classes=tuple(one for one in classes if one.steps or one.images),
        classifiers=()
        if reuse and reuse.evaluation
        else classifiers(job, plan, trials_too=not (reuse and reuse.recipe)),
    )


def judge_steps(job: ResolvedJob) -> int:
    """Optimizer steps of all judges together."""
    steps, steps_of_fold = pace.judge_steps(job.gate)
    return steps + FOLDS * steps_of_fold


def class_steps(job: ResolvedJob, *, further: bool) -> int:
    """Optimizer steps of a class, at most."""
    training = job.training
    return policy.further_steps(training.class_steps, training.log_steps) if further else training.class_steps


def classifiers(job: ResolvedJob, plan: Mapping[str, ClassPlan], *, trials_too: bool) -> tuple[int, ...]:
    """Optimizer steps of each classifier of the evaluation; with those that the recipe is chosen by, or without."""
    gate = job.gate
    steps = classifier_steps(gate, [planned.train for planned in plan.values() if planned.train])
    with_guesses = job.data.unlabelled is not None
    num_tried = FOLDS * num_recipes(gate, with_guesses=with_guesses) if trials_too else 0
    # `arms.recipes` leaves out what would be trained twice.
    num_arms = len(arms.ARMS) - (len(plain(gate)) == 1 and not with_guesses) + with_guesses
    return (trial_steps(steps),) * num_tried + (steps,) * (num_arms * gate.classifier_seeds)


def _of_class(job: ResolvedJob, change: ClassChange, requested: int) -> ClassWork:
    match change.kind:
        case Change.KEPT | Change.FEWER:
            return ClassWork(0, 0)
        case Change.MORE:
            return ClassWork(0, change.requested - change.requested_before)
        case Change.MADE:
            return ClassWork(0, requested)
        case Change.FURTHER | Change.ANEW:
            return ClassWork(class_steps(job, further=change.kind is Change.FURTHER), requested)
