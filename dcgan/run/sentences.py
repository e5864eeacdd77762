"""Sentences for people, made from records. Nothing reads them back: whatever is decided, is decided by a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from dcgan.config.base import USUAL_AUGMENTATION
from dcgan.run.records import (
    Advice,
    Cause,
    Change,
    ChangesRecord,
    Check,
    ClassChange,
    ClassEvidence,
    ClassFiles,
    ClassOutcome,
    Comparison,
    Effect,
    Ending,
    Estimate,
    FailedCheck,
    Incident,
    OverallEvidence,
    PartRecord,
    Recipe,
    Verdict,
)
from dcgan.text import counted, listed, rough_duration

UNCHANGED = "Completed: nothing changed"
WITHHELD = (Verdict.WITHHELD, Verdict.SHORT, Verdict.FAILED, Verdict.REFUSED)
"""Of classes that were asked for and do not ship, in the order in which they are named."""


# Real images.


def refusal(train: int, holdout: int, found: ClassFiles, needed: int) -> str:
    """Why a class is refused.

    Args:
        train: its training images.
        holdout: its held-out images.
        found: its files.
        needed: training images that a class must have.
    """
    lack = f"{train} training images, at least {needed} are needed"
    details = [f"{holdout} held out"] if holdout else []
    if found.files > found.accepted:
        details.append(f"{found.files - found.accepted} of {found.files} files left out")
    return f"{lack} ({', '.join(details)})" if details else lack


# Training and generation.


def incidents(some: Sequence[Incident]) -> str:
    """Incidents in one line."""
    return "; ".join(f"{incident.kind} at step {incident.step} ({incident.detail})" for incident in some)


def shortfall(generation: PartRecord, requested: int) -> str:
    """How far curation came with a class of which it accepted fewer images than were asked for."""
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in Counter(generation.rejected).most_common())
    return f"accepted {generation.accepted:,} of {requested:,} in {generation.tried:,} tries (rejected: {rejected})"


# Evidence and verdicts.


def effect(found: Effect, measure: str, comparison: Comparison) -> str:
    """What a difference shows: `helps: recall +3.0 points (+1.0 to +5.0)`."""
    gain, low, high = (100 * share for share in (comparison.gain, comparison.gain_low, comparison.gain_high))
    return f"{found}: {measure} {gain:+.1f} points ({low:+.1f} to {high:+.1f})"


def evidence(found: ClassEvidence, overall: OverallEvidence) -> str:
    """Why the gate has come to its verdict on a class."""
    if found.harm_overall:
        return f"all classes together: {overall.reason}"
    if found.effect is Effect.NONE:
        return "no synthetic image was there to be measured"
    if found.failed_check:
        return failed_check(found.failed_check)
    if found.effect is Effect.UNTESTED or found.recall is None:
        return f"{Effect.UNTESTED}: {found.holdout} held-out images, at least {found.holdout_needed} are needed"
    return effect(found.effect, "recall", found.recall)


def failed_check(failed: FailedCheck) -> str:
    """Why a class's images are no new images of it."""
    match failed.check:
        case Check.OUTLYING:
            farther = "are farther from every one than 99 % of the held-out images are"
            return f"unlike real images: {failed.value:.0%} {farther}"
        case Check.UNRECOGNISED:
            return (
                f"taken for another class: a classifier of real images recognises {failed.value:.0%} of them, and "
                f"{failed.ceiling:.0%} of the real ones"
            )
        case Check.COPIED:
            return f"copies: {1 - failed.value:.0%} are nearer to a training image than its nearest neighbour is"
        case Check.COLLAPSED:
            return (
                f"collapsed: {failed.value:.0%} of the held-out images lie among them, {failed.ceiling:.0%} among real "
                "ones"
            )


def verdict(outcome: ClassOutcome) -> str:
    """A class's verdict, and how many images it keeps from being released: `withheld (87 images)`."""
    kept = outcome.accepted - outcome.released
    return f"{outcome.verdict} ({counted(kept, 'image')})" if kept else str(outcome.verdict)


# What to train with.


def recipe(found: Recipe) -> str:
    """A recipe's parts beside the real images: `mixup and up to 25 % synthetic images`."""
    parts = [*_beside(found), *([f"up to {found.synthetic:.0%} synthetic images"] if found.synthetic else [])]
    return listed(parts) or "classical augmentation alone"


def advice(found: Advice) -> str:
    """What to train with, and what it gains."""
    others, images = _beside(found.recipe), bool(found.recipe.synthetic)
    if images:
        how = f"with {listed([*others, 'these images'])}"
    else:
        comma = "," if len(others) > 1 else ""
        how = f"with {listed(others)}{comma} and without these images" if others else "without these images"
    if not others and not images:
        return (
            f"Train {how}: {found.measure} is {found.classical:.1%} with classical augmentation alone; the images' "
            f"own part is {_interval(found.images)}."
        )
    own = f"; the images' own part is {_interval(found.images)}" if others else ""
    smoothed = "smoothed " if found.gain.smoothed else ""  # so it is not the difference of the two
    gain = f"{smoothed}{_interval(found.gain)}"
    return f"Train {how}: {found.measure} {found.classical:.1%} → {found.advised:.1%} ({gain}){own}."


def _beside(recipe: Recipe) -> list[str]:
    """What a recipe has beside real and synthetic images, and the usual classical augmentation."""
    parts = [*_unusual(recipe.augmentation), *(["mixup"] if recipe.mixup else [])]
    return [*parts, *(["guessed labels"] if recipe.guessed else [])]


def _unusual(kinds: Sequence[str]) -> list[str]:
    """The augmentations that are to be named: those beyond the usual ones, or all of them where these are not in it."""
    named = ["elastic distortion" if kind == "elastic" else kind for kind in kinds]
    if set(USUAL_AUGMENTATION) <= set(kinds):
        return [kind for kind in named if kind not in USUAL_AUGMENTATION]
    return [f"only {named[0]}", *named[1:]] if named else []  # none: of a version before they were recorded


def worth(advice: Advice) -> str:
    """What the images are worth in real ones."""
    found, which = advice.worth, "rare class" if advice.measure == "recall of rare classes" else "class"
    if found is None or found.images is None or found.images_low is None:
        return "What they are worth in real images is unknown: more real images do not visibly help here."
    if found.images_low <= 0:
        most = "" if found.images_high is None else f": at most about {found.images_high:.0f} of each {which}"
        return f"In real images they are worth less than can be seen{most}."
    most = "no upper bound seen" if found.images_high is None else f"{found.images_high:.0f}"
    return (
        f"They are worth about {found.images:.0f} more real images of each {which} ({found.images_low:.0f} to {most})."
    )


def _interval(found: Comparison) -> str:
    # Rounded first, so that nothing is -0.0.
    gain, low, high = (round(100 * share, 1) + 0.0 for share in (found.gain, found.gain_low, found.gain_high))
    return f"{gain:+.1f} points, {low:+.1f} to {high:+.1f}"


# Runs.


def state(ending: Ending, classes: Mapping[str, ClassOutcome]) -> str:
    """How a run ended, in one line, such as `Completed: 2 classes withheld (3, 7)`."""
    if ending is Ending.UNCHANGED:
        return UNCHANGED
    parts = []
    for one in WITHHELD:
        labels = [label for label, outcome in classes.items() if outcome.verdict is one]
        if labels:
            parts.append(f"{counted(len(labels), 'class')} {one} ({', '.join(labels)})")
    if ending is Ending.FAILED:
        return ", ".join(["Failed: no class ships", *parts])
    return f"Completed: {', '.join(parts)}" if parts else "Completed"


def failure(error: Exception) -> str:
    """The state of a run that an error ended."""
    return f"Failed: {error}"


# Time.


def time_needed(found: Estimate) -> str:
    """How long a run would take, and what for: `about 25 min: judge 1 min, shared base 8 min`."""
    if not found.seconds:
        return "nothing to train or to measure: all of it stands"
    parts = (f"{stage} {rough_duration(seconds)}" for stage, seconds in found.seconds.items())
    return f"about {rough_duration(found.total)}: {', '.join(parts)}"


# Nights.


def changes(found: ChangesRecord) -> list[str]:
    """What a night does again, a line each; none on a job's first night."""
    if not found.has_earlier:
        count = counted(found.leaked, "image")
        everything = (
            f"Everything is trained again: {count} held out now were trained on before, and would prove nothing"
        )
        return [everything] if found.leaked else []
    lines = [_classes(found.classes)]
    lines += [f"Class {before} is called {label} now" for label, before in found.renamed.items()]
    lines += [f"Class {label} is gone" for label in found.gone]
    for moved in found.moved:
        images = counted(moved.images, "training image")
        lines.append(f"{images} of class {moved.before} now of class {moved.now}")
    return lines


def _classes(some: Mapping[str, ClassChange]) -> str:
    """The classes in one line: `3 classes unchanged, 1 trained further: cat (12 images more)`."""
    parts: list[str] = []
    for kind in Change:
        of_kind = {label: change for label, change in some.items() if change.kind is kind}
        if of_kind:
            count = f"{len(of_kind):,}" if parts else counted(len(of_kind), "class")
            names = ", ".join(f"{label} ({_cause(change)})" for label, change in of_kind.items())
            parts.append(f"{count} {kind}" + (f": {names}" if kind is not Change.KEPT else ""))
    return ", ".join(parts)


def _cause(change: ClassChange) -> str:
    match change.cause:
        case Cause.RENAMED:
            return f"was {change.name_before}"
        case Cause.IMAGES:
            counts = {"more": change.added, "fewer": change.removed}
            parts = [f"{counted(count, 'image')} {word}" for word, count in counts.items() if count]
            return ", ".join(parts) or "its training did not end before"
        case Cause.TOO_MANY_IMAGES:
            return f"{change.share_changed:.0%} of its images have changed since it last was"
        case Cause.AMOUNT:
            return f"{change.requested:,}, before {change.requested_before:,}"
        case _:
            return CAUSES[change.cause]


CAUSES = {
    Cause.SAME: "unchanged",
    Cause.NEW: "new",
    Cause.CURATION: "curation has changed",
    Cause.JOB: "the job or dcgan-augment has changed",
    Cause.DAMAGED: "its images are not as they were made, or never were",
    Cause.FAILED: "it failed before",
}
