"""The order of a run's stages: the same for the nightly flow, for single commands and on a cluster.

The caller supplies a `Start` that performs them: as Prefect tasks, or in threads of this process.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from dcgan.config import ResolvedJob
from dcgan.curation import parts
from dcgan.data import unlabelled
from dcgan.errors import Interrupted, StageError
from dcgan.evaluation import arms
from dcgan.evaluation.recipes import rounds, taken_over, trials
from dcgan.pipeline.night import Night
from dcgan.pipeline.stages import (
    ALL,
    BASE,
    CARRY_OVER,
    CATALOGUE,
    CHOOSE_RECIPE,
    COMPARE,
    DECIDE,
    GENERATE,
    GUESS_LABELS,
    JUDGE,
    MAKE,
    MEASURE_QUALITY,
    MEASURE_UTILITY,
    RELEASE,
    SHARDS,
    SPLIT,
    TRAIN,
    TRY_RECIPES,
    Portion,
    Stage,
    commands,
    of_class,
    of_classifiers,
    of_guesses,
    of_shards,
)  # fmt: skip
from dcgan.run import budget, records, summary
from dcgan.run.paths import Run
from dcgan.run.records import ClassPlan, ClassState, EvaluationRecord, Recipe, RecipeRecord, TrainingRecord
from dcgan.text import counted

T = TypeVar("T")

log = logging.getLogger(__name__)


class Pending(Protocol):
    """A portion of a stage that is running, or waiting for a place."""

    def result(self) -> Any:
        """Wait for it; returns the result of the stage's function if the stage runs in the calling process.

        Raises:
            DcganError: the stage's.
        """


class Start(Protocol):
    """Starts a portion of a stage as soon as there is a place for it."""

    def __call__(self, stage: Stage, run: Run, job: ResolvedJob, portion: Portion, *, here: bool = False) -> Pending:
        """Start it; with `here` on this machine, even if other machines work for the run."""


class Order:
    """The stages of one night. Each method is one step; they are called in this order and may be repeated."""

    def __init__(self, night: Night, start: Start) -> None:
        """Prepare; nothing is performed yet.

        Args:
            night: in progress.
            start: performs portions of stages.
        """
        self.night, self.run, self.job = night, night.run, night.job
        self._start_portion = start
        self.plan: dict[str, ClassPlan] = {}
        self.chosen: dict[str, int] = {}
        """How many images to make, by class."""
        self.left: list[str] = []
        """Classes that still have to be trained."""
        self.failures: dict[str, str] = {}
        """Why classes failed."""
        self.evaluation: EvaluationRecord | None = None
        """The verdicts; None before there are any."""

    def catalogue(self, *, rehash: bool = False) -> None:
        """Read the source."""
        self._do(CATALOGUE, Portion({"rehash": rehash}))

    def unchanged(self) -> bool:
        """Whether nothing has changed, so that the last release stands and the night is over."""
        self.night.result = self._do(COMPARE)
        return self.night.result is not None

    def split(self) -> None:
        """Hold out real images, and plan how many images to make of each class."""
        self.plan = self._do(SPLIT)
        self.night.planned = True
        self.chosen = {label: planned.requested for label, planned in self.plan.items() if planned.requested}
        wanted, classes = sum(self.chosen.values()), counted(len(self.plan), "class")
        log.info("Plan: %s for %d of %s", counted(wanted, "synthetic image"), len(self.chosen), classes)
        for label, planned in self.plan.items():
            if planned.state is ClassState.REFUSED:
                log.info("Class %s is refused: %s", label, planned.reason)

    def carry_over(self) -> None:
        """Take over what is still valid from earlier nights."""
        self.left = self._do(CARRY_OVER)
        self.night.lap("catalogue and split")

    def judge(self) -> None:
        """Train the classifiers that judge single images."""
        self._do(JUDGE)
        self.night.lap("judge")

    def base(self) -> None:
        """Train the shared base, if any class starts from it."""
        if self.job.training.base and any(not self.run.start(label).exists() for label in self.left):
            self._do(BASE, Portion({"max_seconds": budget.of_base(self.job, len(self.left))}))
            self.night.lap("shared base")

    def make(self) -> None:
        """Train the classes and make their images.

        For a class of very many images, training comes first; several processes then make its images in shards, which
        are joined here.
        """
        seconds = self._seconds_of_class()
        large = {label for label in self.chosen if self._shards(label)}
        self._settle(
            {
                label: self._start(TRAIN, of_class(label, max_seconds=seconds))
                if label in large
                else self._start(MAKE, of_class(label, num_wanted=count, max_seconds=seconds))
                for label, count in self.chosen.items()
            }
        )
        self._generate([label for label in large if label not in self.failures])
        self.night.lap("training and generation")

    def train(self) -> None:
        """Train the classes."""
        seconds = self._seconds_of_class()
        self._settle({label: self._start(TRAIN, of_class(label, max_seconds=seconds)) for label in self.chosen})

    def generate(self) -> None:
        """Make the images of trained classes."""
        self._generate(self.chosen)

    def prove(self) -> None:
        """Measure the generated images and what they do for a classifier; then decide what ships."""
        made = [label for label in self.chosen if label not in self.failures]
        if not any(not summary.is_short(self.run, label) for label in made):
            return
        measured, tried = self._start(MEASURE_QUALITY, ALL), self._try_first()
        # Work that needs no recipe keeps the processes busy until the recipe is chosen.
        compared = self._compare(arms.BEFORE)
        if reason := _failure(measured):  # for instance of the user's feature extractor; the proof is still valid
            log.warning("The release has no measures, and its images were not checked by them: %s", reason)
        self.choose_recipe(tried)
        recipe = records.read(self.run.recipe_record, RecipeRecord)
        if recipe.chosen.guessed and unlabelled.load(self.run) is not None:
            _wait(compared)
            self._do(GUESS_LABELS, of_guesses("guessing"))
            _wait(self._compare([arms.GUESSING]))
            self._do(GUESS_LABELS, of_guesses("proof"))
        _wait(compared + self._compare(arms.recipes(self.job.gate, recipe).keys() - set(arms.BEFORE)))
        self.evaluation = self._do(DECIDE)
        self.night.lap("evaluation")

    def choose_recipe(self, tried: Iterable[Pending] | None = None) -> None:
        """Choose what to train a classifier with.

        Args:
            tried: the trials of the first round of recipes, if they have been started already.
        """
        _wait(self._try_first() if tried is None else tried)
        if not taken_over(self.run):
            self._try_others()
        self._do(CHOOSE_RECIPE)

    def release(self) -> None:
        """Publish what ships; the night is over."""
        evaluation = self.evaluation or records.read_if_there(self.run.evaluation_record, EvaluationRecord)
        found = summary.gather(self.run, self.job, self.plan, self.failures, evaluation, self.night.seconds)
        self.night.result = self._do(RELEASE, Portion({"summary": found}))

    def command(self, name: str) -> None:
        """Perform the stages that declare this command, in order.

        Raises:
            StageError: some of the classes failed.
        """
        if steps := COMMANDS.get(name):
            for step in steps:
                step(self)
        else:
            for stage in commands()[name]:
                portions = [of_class(label) for label in self.chosen] if stage.per_class else [ALL]
                self._settle({str(portion): self._start(stage, portion) for portion in portions})
        if self.failures and name != "release":
            raise StageError("; ".join(f"class {label}: {reason}" for label, reason in self.failures.items()))

    def _try_first(self) -> list[Pending]:
        """Start the trials of the first round of recipes; none if the recipe was taken over from an earlier night."""
        return [] if taken_over(self.run) else self._try(next(rounds(self.run, self.job.gate)), 0)

    def _try_others(self) -> None:
        """Try the recipes of the further rounds."""
        if unlabelled.load(self.run) is not None:
            self._do(GUESS_LABELS, of_guesses("folds"))
        for before, recipes in itertools.pairwise(rounds(self.run, self.job.gate)):
            _wait(self._try(recipes, len(before)))

    def _try(self, recipes: Sequence[Recipe], num_tried: int) -> list[Pending]:
        """Start the trials of some recipes, all but the first ones."""
        slots = self._slots(range(len(trials(recipes[:num_tried])), len(trials(recipes))))
        values = [recipe.model_dump(mode="json") for recipe in recipes]
        return [self._start(TRY_RECIPES, of_classifiers(some, recipes=values)) for some in slots]

    def _compare(self, some: Collection[str]) -> list[Pending]:
        """Start training and testing the classifiers of some arms."""
        slots = self._slots(arms.numbers(self.job.gate.classifier_seeds, some))
        return [self._start(MEASURE_UTILITY, of_classifiers(numbers)) for numbers in slots]

    def _start(self, stage: Stage, portion: Portion, *, here: bool = False) -> Pending:
        return self._start_portion(stage, self.run, self.job, portion, here=here)

    def _do(self, stage: Stage, portion: Portion = ALL) -> Any:
        return self._start(stage, portion).result()

    def _settle(self, started: Mapping[str, Pending]) -> None:
        """Wait for one portion per class, and record why some failed.

        Raises:
            Interrupted: the run was stopped.
        """
        self.failures |= {label: reason for label, one in started.items() if (reason := _failure(one))}

    def _generate(self, labels: Collection[str]) -> None:
        shards = [(label, some) for label in labels for some in self._shards(label)]
        # A shard that a task fails to make is made when the class is joined, or fails there for the same reason.
        for one in [self._start(SHARDS, of_shards(label, some)) for label, some in shards]:
            _failure(one)
        large = {label for label, _ in shards}
        started = {
            label: self._start(GENERATE, of_class(label, num_wanted=self.chosen[label]), here=label in large)
            for label in labels
        }
        self._settle(started)

    def _shards(self, label: str) -> list[tuple[int, ...]]:
        """The shards of a class, by first candidate, dealt out to tasks. Tasks are short, because one is repeated as a
        whole if its machine dies. Empty if the class's images exist, or if one process makes them all.
        """
        if (self.run.generation(label) / "record.json").exists() or self.job.run.processes == 1:
            return []
        firsts = [shard.first for shard in parts.shards(self.run, label, self.chosen[label])]
        return self._slots(firsts, parts.SHARDS_MIN)

    def _slots(self, items: Sequence[T], at_most: int | None = None) -> list[tuple[T, ...]]:
        """Classifiers or shards, dealt out to the processes that run side by side.

        With `at_most` items to a task, there may be more tasks than processes.
        """
        wished = max(self.job.run.processes, math.ceil(len(items) / at_most) if at_most else 1)
        num_slots = min(len(items), wished)
        return [tuple(items[slot::num_slots]) for slot in range(num_slots)]

    def _seconds_of_class(self) -> float | None:
        """The budget of each class that is left, in seconds of `process.seconds`; None: there is none."""
        base = records.read_if_there(self.run.base / "record.json", TrainingRecord)
        spent = base.process_seconds if base and base.run_id == self.run.id else 0.0
        return budget.of_classes(self.job, len(self.left), spent)


COMMANDS: dict[str, tuple[Callable[[Order], None], ...]] = {
    "train": (Order.judge, Order.base, Order.train),
    "generate": (Order.generate,),
    "evaluate": (Order.prove,),
    "release": (Order.release,),
}
"""Commands whose stages overlap or share a budget. All others perform their stages one after the other."""


def _failure(one: Pending) -> str | None:
    """Wait for a portion; returns why it failed, or None.

    Raises:
        Interrupted: the run was stopped.
    """
    try:
        one.result()
    except Interrupted:
        raise
    except Exception as error:  # of any kind: one failed class must not take the others with it
        return str(error)
    return None


def _wait(started: Iterable[Pending]) -> None:
    """Wait for portions without which the run cannot continue.

    Raises:
        DcganError: the first that failed.
    """
    for one in started:
        one.result()
