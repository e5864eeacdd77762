"""What a training is given, and everything that changes while it runs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from dcgan.config import ResolvedJob
from dcgan.execution import randomness
from dcgan.execution.progress import OnProgress
from dcgan.networks.batches import Batches, Pools, to_float
from dcgan.run.paths import Run
from dcgan.training import snapshots
from dcgan.training.clock import Clock
from dcgan.training.gan import gan
from dcgan.training.journal import Journal
from dcgan.training.policy import UNLABELLED_SHARE
from dcgan.training.precision import chosen_precision
from dcgan.training.score import NUM_SAMPLES, FoldScorer
from dcgan.training.watch import Course

BASE = "\x00base"  # no class can have this name, so that the base's draws are apart from every class's
BEST = "best/"  # begins the names of the best step's generator in a snapshot
STATISTICS = 256  # images that the first statistics of a training's BatchNorms come from


@dataclass(frozen=True)
class Start:
    """What a training begins with."""

    arrays: Mapping[str, np.ndarray]
    of_base: bool
    """Whether they are a shared base's networks; else they are a snapshot of the class itself."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What one training is given."""

    run: Run
    job: ResolvedJob
    folder: Path
    """Of this training. If it has a snapshot, training begins from the newest."""
    label: str
    """Class name, or `BASE`."""
    images: Sequence[np.ndarray]
    """uint8 (n, H, W, C), one array per class: several for the base, one for a class."""
    beside: np.ndarray | None = None
    """Images without labels, uint8 (n, H, W, C), n at least 1: drawn as often as those of all classes together."""
    scorer: FoldScorer | None = None
    """Picks the step that ships; None: the last one."""
    num_steps: int
    """Optimizer steps at most."""
    start: Start | None = None
    """What to start from; None: random weights."""
    draws: str
    """Names the streams of draws."""
    max_seconds: float | None
    """Of `process.seconds`; None: no limit."""
    on_progress: OnProgress
    """Called after every stretch of steps."""


class State:
    """The GAN, the course of its training so far, and its best generator up to now."""

    def __init__(self, inputs: Inputs) -> None:
        """Resume from the newest snapshot in the training's folder, or begin."""
        training, seed = inputs.job.training, inputs.job.generation.seed
        self._inputs = inputs
        self.precision = chosen_precision(inputs.run)
        self.gan = gan(training, inputs.images[0].shape[1:], self.precision)
        self.clock = Clock(inputs.max_seconds, training.snapshot_seconds, affordable=inputs.num_steps)
        self._latents = tf.random.stateless_normal(
            (NUM_SAMPLES, training.latent_dim), [randomness.stream(seed, inputs.label, "score"), 0], alg="philox"
        )
        self.course = Course()
        self.best: dict[str, np.ndarray] = {}
        """Of the generator; empty: no step has been the best yet."""
        if (newest := snapshots.load_newest(inputs.folder)) is not None:
            self.course = Course.from_json(newest[1])
            arrays, self.best = _parted(newest[0])
            self.gan.restore(arrays)
        else:
            self._begin()
        self._aim()
        self.keep_place()

    def run_steps(self, count: int) -> tuple[float, float]:
        """Train for `count` steps; mean losses of discriminator and generator."""
        first = tf.constant(self.course.step, tf.int64)
        d_loss, g_loss = self._run_steps(first, tf.constant(count, tf.int64))
        return float(d_loss), float(g_loss)

    def look(self, journal: Journal) -> dict[str, float]:
        """Take samples of this step: show them, score them, and keep the generator if it is the best so far.

        A class may ship what it starts from only if that is its own earlier training. The shared base's samples score
        well at times, but they are of other classes too.
        """
        samples = self.gan.sample(self._latents)
        journal.show(self.course.work, samples)
        scorer, start = self._inputs.scorer, self._inputs.start
        if scorer is None or (self.course.step == 0 and (start is None or start.of_base)):
            return {}
        score = scorer(samples)
        if self.course.take(score):
            self.best.update(self.gan.ema_arrays())
        return {"score": score.value} | dataclasses.asdict(score)

    def keep_place(self) -> None:
        """Remember this point, for `go_back`."""
        self._good = self.gan.arrays(), self.course.place()

    def go_back(self) -> None:
        """Return to the last point remembered, with the present branch's draws and learning rate."""
        arrays, place = self._good
        self.gan.restore(arrays)
        self.course.return_to(place)
        self._aim()

    def begin_again(self) -> None:
        """Return to the start, with the present branch's draws and learning rate."""
        self.course.begin_again()
        self.best.clear()
        self._begin()
        self._aim()

    def save(self) -> None:
        """Write a snapshot."""
        began = time.monotonic()
        arrays = self.gan.arrays() | {f"{BEST}{name}": array for name, array in self.best.items()}
        snapshots.save(self._inputs.folder, self.course.work, arrays, self.course.to_json())
        self.clock.saved(began)

    def shipped(self) -> dict[str, np.ndarray]:
        """The model: the best step's EMA generator, and the discriminator as critic."""
        return (self.best or self.gan.ema_arrays()) | self.gan.critic_arrays()

    def _begin(self) -> None:
        """Set the weights to what was given, or to the present branch's random ones."""
        inputs, start = self._inputs, self._inputs.start
        self.gan.reset_optimizers()
        if start is None:
            self.gan.initialize(randomness.stream(inputs.job.generation.seed, self._branch_name(), "weights"))
        elif start.of_base:
            of_class = -(-STATISTICS // len(inputs.images))
            images = np.concatenate([images[:of_class] for images in inputs.images])
            self.gan.start_from(start.arrays, self._latents, to_float(tf.constant(images)))
        else:
            arrays, shipped = _parted(start.arrays)
            self.gan.restore(arrays)
            # What shipped then is scored tonight, and ships again unless training finds something better.
            self.gan.show(shipped)

    def _aim(self) -> None:
        """Give the steps the present branch's draws and learning rate."""
        training, seed, name = self._inputs.job.training, self._inputs.job.generation.seed, self._branch_name()
        self.gan.set_learning_rate(training.learning_rate * self.course.learning_rate_scale)
        images, beside = self._inputs.images, self._inputs.beside
        heap = [Pools([beside] * len(images), [UNLABELLED_SHARE] * len(images))] if beside is not None else []
        batches = Batches(images, *heap, stream=randomness.stream(seed, name, "batch"))
        self._run_steps = self.gan.stretch(batches, seed, name)

    def _branch_name(self) -> str:
        """Names the streams of draws; an incident changes it."""
        branch = self.course.branch
        return f"{self._inputs.draws}\x00{branch}" if branch else self._inputs.draws


def _parted(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A snapshot's arrays: the GAN's, and the best step's generator."""
    best = {name.removeprefix(BEST): array for name, array in arrays.items() if name.startswith(BEST)}
    return {name: array for name, array in arrays.items() if not name.startswith(BEST)}, best
