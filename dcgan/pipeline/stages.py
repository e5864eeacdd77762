"""Every stage of a run, declared once: its name, its function, what it reads and writes, and where it is performed.

Worker processes, Prefect tasks, the cluster and the command line all read these declarations; `order` puts them in
order. Nothing heavy is imported here: a stage names its function, which is imported where it is performed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Portion:
    """What one task performs of a stage: all of it, one class, or some classifiers or shards."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the stage's function; for a stage that a worker performs, as JSON has them."""
    subjects: tuple[tuple[str, ...], ...] = ((),)
    """The names that fill in the stage's pieces: one entry for each class, classifier or shard."""
    label: str = ""
    """Class name, where it is about one class."""

    def __str__(self) -> str:
        """For people: the class, the classifier's number, or the shard."""
        first = self.subjects[0]
        return " from ".join(first) if len(first) > 1 else "".join(first)


ALL = Portion()
"""A stage as a whole."""


def of_class(label: str, **arguments: Any) -> Portion:
    """A stage of one class."""
    return Portion({"label": label, **arguments}, ((label,),), label)


def of_classifiers(numbers: Sequence[int], **arguments: Any) -> Portion:
    """Some of the classifiers of a stage, by number."""
    return Portion({"numbers": list(numbers), **arguments}, tuple((str(number),) for number in numbers))


def of_guesses(whom: str) -> Portion:
    """The labels guessed for some classifiers, see `dcgan.evaluation.guesses`."""
    return Portion({"whom": whom}, ((whom,),))


def of_shards(label: str, firsts: Sequence[int]) -> Portion:
    """Some shards of a class, by the index of each one's first candidate."""
    return Portion({"label": label, "firsts": list(firsts)}, tuple((label, str(first)) for first in firsts), label)


@dataclass(frozen=True)
class Stage:
    """A stage of a run."""

    name: str
    """Used everywhere: by tasks, workers, logs and the cluster."""
    title: str
    """What progress reports show: `training cat: 250 of 500 steps`."""
    function: str
    """`module:function`, called with the run, the job and the portion's arguments; a worker adds `on_progress`."""
    reads: tuple[str, ...] = ()
    """Pieces of the run's folder that it needs, see `pipeline.pieces`. `*` stands for all complete pieces, `{}` for the
    class or the classifier's number; for a shard there are two, the class and its first candidate."""
    writes: tuple[str, ...] = ()
    """Pieces that it leaves, in the order in which they are written."""
    command: str | None = None
    """The `dcgan` command that performs it by itself."""
    help: str = ""
    """What that command does, in a sentence; given by the command's first stage only."""
    per_class: bool = False
    """Whether each class has a portion of its own."""
    worker: bool = False
    """Whether it is performed in a worker process, because it needs TensorFlow; else where it is called."""
    all_threads: bool = False
    """Whether it has the machine to itself."""
    repeated: bool = False
    """Whether it is performed again although its output exists, in case there is more to measure."""
    resumed: bool = False
    """Whether another machine can resume it from its newest snapshot."""
    lines: str = ""
    """`module:function` that gives the lines to print when a portion is done, from the run and the portion."""

    def load(self) -> Callable[..., Any]:
        """Its function, imported now."""
        return load(self.function)

    def messages(self, run: Any, portion: Portion) -> Iterable[str]:
        """The lines to print when a portion is done."""
        return load(self.lines)(run, portion) if self.lines else ()


def load(path: str) -> Callable[..., Any]:
    """The function that `module:function` names."""
    module, _, name = path.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


_GENERATED = ("job", "split/*", "unlabelled", "generation/*", "evaluation/measures.json", "evaluation/recipe.json")
_LINES = "dcgan.pipeline.lines:"

CATALOGUE = Stage(
    "catalogue",
    "catalogue",
    "dcgan.pipeline.planning:catalogue",
    writes=("catalogue",),
    lines=_LINES + "of_catalogue",
)
COMPARE = Stage(
    "compare", "compare with the last release", "dcgan.pipeline.reuse.standing:standing_release", reads=("catalogue",)
)
SPLIT = Stage(
    "split",
    "split",
    "dcgan.pipeline.planning:split",
    reads=("catalogue",),
    writes=("split", "unlabelled", "given-base"),
    lines=_LINES + "of_split",
)
CARRY_OVER = Stage(
    "carry_over",
    "carry over",
    "dcgan.pipeline.reuse:take_over",
    reads=("catalogue", "split"),
    writes=("fingerprints.json",),
)
JUDGE = Stage(
    "judge",
    "judge",
    "dcgan.training.judging:prepare",
    reads=("job", "split/*"),
    writes=("judge",),
    command="train",
    help="Train the classes of the job's current run.",
    worker=True,
    all_threads=True,
)
BASE = Stage(
    "base",
    "shared base",
    "dcgan.training.stage:train_base",
    reads=("job", "split/*", "unlabelled", "given-base", "judge"),
    writes=("base",),
    command="train",
    worker=True,
    all_threads=True,
    resumed=True,
    lines=_LINES + "of_base",
)
TRAIN = Stage(
    "train",
    "training",
    "dcgan.training.stage:train_class",
    reads=("job", "split/{}", "judge", "base"),
    writes=("training/{}", "model/{}"),
    command="train",
    per_class=True,
    worker=True,
    resumed=True,
    lines=_LINES + "of_training",
)
MAKE = Stage(
    "make",
    "training and generation",
    "dcgan.pipeline.making:make",
    reads=TRAIN.reads,
    writes=(*TRAIN.writes, "generation/{}"),
    per_class=True,
    worker=True,
    resumed=True,
    lines=_LINES + "of_making",
)
"""Training and generation of a class, one after the other in one process."""
SHARDS = Stage(
    "shards",
    "generation in shards",
    "dcgan.curation.collect:make_shards",
    reads=("job", "split/{}", "judge", "model/{}"),
    writes=("shards/{}/{}",),
    command="generate",
    help="Generate and curate images of trained classes.",
    worker=True,
)
GENERATE = Stage(
    "generate",
    "generation",
    "dcgan.curation.collect:collect",
    reads=("job", "split/{}", "judge", "model/{}"),
    writes=("generation/{}",),
    command="generate",
    per_class=True,
    worker=True,
    lines=_LINES + "of_generation",
)
TRY_RECIPES = Stage(
    "try_recipes",
    "trial of recipes",
    "dcgan.evaluation.utility:try_recipes",
    reads=(*_GENERATED, "evaluation/guessed-folds.parquet"),
    writes=("evaluation/tried-{}.npz",),
    command="evaluate",
    help="Measure the images' worth, and decide what ships.",
    worker=True,
    repeated=True,
)
GUESS_LABELS = Stage(
    "guess_labels",
    "guess labels",
    "dcgan.evaluation.guesses:guess",
    reads=("unlabelled", *TRY_RECIPES.writes),
    writes=("evaluation/guessed-{}.parquet",),
)
CHOOSE_RECIPE = Stage(
    "choose_recipe",
    "choose recipe",
    "dcgan.evaluation.recipes:choose",
    reads=TRY_RECIPES.writes,
    writes=("evaluation/recipe.json",),
    command="evaluate",
    lines=_LINES + "of_recipe",
)
MEASURE_UTILITY = Stage(
    "measure_utility",
    "utility",
    "dcgan.evaluation.utility:measure",
    reads=(*_GENERATED, "evaluation/guessed-guessing.parquet", "evaluation/guessed-proof.parquet"),
    writes=("evaluation/compared-{}.npz",),
    command="evaluate",
    worker=True,
    repeated=True,
)
MEASURE_QUALITY = Stage(
    "measure_quality",
    "measures",
    "dcgan.evaluation.measures:measure",
    reads=("job", "split/*", "judge", "generation/*"),
    writes=("evaluation/measures.json",),
    command="evaluate",
    worker=True,
    repeated=True,
    lines=_LINES + "of_measures",
)
DECIDE = Stage(
    "decide",
    "gate",
    "dcgan.evaluation.gate:judge",
    reads=(*MEASURE_UTILITY.writes, *MEASURE_QUALITY.writes, *CHOOSE_RECIPE.writes),
    writes=("evaluation/evaluation.json",),
    command="evaluate",
)
RELEASE = Stage(
    "release",
    "release",
    "dcgan.pipeline.releasing:release",
    reads=("generation/*", "model/*", "evaluation/evaluation.json"),
    command="release",
    help="Publish the job's current run as a release.",
)

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        CATALOGUE, COMPARE, SPLIT, CARRY_OVER, JUDGE, BASE, TRAIN, MAKE, SHARDS, GENERATE, TRY_RECIPES, GUESS_LABELS,
        CHOOSE_RECIPE, MEASURE_UTILITY, MEASURE_QUALITY, DECIDE, RELEASE,
    )
}  # fmt: skip
"""All stages by name, in the order in which a run comes to them."""


def commands() -> dict[str, list[Stage]]:
    """The stages that each command of the command line performs, in their order."""
    found: dict[str, list[Stage]] = {}
    for stage in STAGES.values():
        if stage.command:
            found.setdefault(stage.command, []).append(stage)
    return found
