"""Watchdogs: what can go wrong in a GAN's training, and how often it may before the class fails.

| incident | seen by | what is done | times |
| --- | --- | --- | --- |
| diverged | a loss or a weight that is not finite | back to the last good stretch | 3 |
| collapsed | samples nearly all alike (`score.COLLAPSE`) | back to the start | 1 |
| saturated | discriminator's loss near 0 from look to look | back to the start | 1 |

Each time the learning rates are halved and draws are begun anew. One incident more than that, and the class fails with
its history.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from dcgan.errors import TrainingError
from dcgan.run import sentences
from dcgan.run.records import Incident, StepScore, Stopped
from dcgan.training import policy
from dcgan.training.score import AS_GOOD, COLLAPSE, Score

DIVERGED, COLLAPSED, SATURATED = "diverged", "collapsed", "saturated"
ALLOWED = {DIVERGED: 3, COLLAPSED: 1, SATURATED: 1}
SLOWER = 0.5  # times the learning rates, after each incident
SATURATED_LOSS = 0.02  # a discriminator that is right with 99 % certainty about everything teaches nothing


@dataclass
class Course:
    """How a training has gone so far: all of its state that is not weights. Saved in every snapshot."""

    step: int = 0
    """Optimizer steps on the present branch."""
    work: int = 0
    """Optimizer steps on all branches."""
    branch: int = 0
    """How often draws were begun anew after an incident."""
    seconds: float = 0.0
    """Spent in optimizer steps."""
    best_step: int | None = None
    """The last one that scored as well as any, within `AS_GOOD`: it ships."""
    lowest_score: float | None = None
    """None: there is none yet."""
    lowest_step: int = 0
    interval_losses: list[float] = field(default_factory=list)
    """The discriminator's, of each stretch since the last score."""
    unimproved: int = 0
    """Scores since the lowest."""
    scores: list[StepScore] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)

    @property
    def learning_rate_scale(self) -> float:
        """Times the configured learning rates."""
        return SLOWER**self.branch

    def advance(self, count: int, seconds: float, d_loss: float) -> None:
        """Take one stretch of steps, and the discriminator's mean loss in it."""
        self.step += count
        self.work += count
        self.seconds += seconds
        self.interval_losses.append(d_loss)

    def take(self, score: Score) -> bool:
        """Take the score of the present step; whether it is the best so far. A collapsed generator never is.

        Of steps that score alike, the later one is the best: it has learnt more, and the score is not that exact.
        """
        self.scores.append(
            StepScore(
                step=self.step,
                work=self.work,
                score=score.value,
                kid=score.kid,
                coverage=score.coverage,
                diversity=score.diversity,
            )
        )
        self.unimproved += 1
        if score.collapsed or (self.lowest_score is not None and score.value > self.lowest_score + AS_GOOD):
            return False
        self.best_step = self.step
        if self.lowest_score is None or score.value < self.lowest_score:
            self.lowest_score, self.lowest_step, self.unimproved = score.value, self.step, 0
        return True

    def incident(self, num_steps: int) -> tuple[str, str] | None:
        """What has gone wrong since the last look, as kind and telling, if anything. Ends the interval.

        Samples are expected to differ from half of `num_steps` on: those of random weights hardly do.
        """
        losses, self.interval_losses = self.interval_losses, []
        if self.scores and 2 * self.step >= num_steps and self.scores[-1].diversity < COLLAPSE:
            share = self.scores[-1].diversity
            return (
                COLLAPSED,
                f"samples differ {share:.2f} times as much as real images, at least {COLLAPSE} is expected",
            )
        if losses and max(losses) < SATURATED_LOSS:
            return SATURATED, f"discriminator's loss stayed under {SATURATED_LOSS}"
        return None

    def ended(self, num_steps: int) -> Stopped | None:
        """Why there is nothing more to train, if so."""
        if self.step >= num_steps:
            return Stopped.ALL_DONE
        if self.unimproved >= policy.PATIENCE and self.step - self.lowest_step >= policy.PATIENCE_STEPS:
            return Stopped.NO_BETTER
        return None

    def place(self) -> tuple[int, list[float]]:
        """Where the training stands, for `return_to`."""
        return self.step, list(self.interval_losses)

    def return_to(self, place: tuple[int, list[float]]) -> None:
        """Go back to where the training stood. What was spent since stays spent."""
        self.step, self.interval_losses = place[0], list(place[1])

    def begin_again(self) -> None:
        """Go back to the start; what was best before an incident is not trusted."""
        self.step, self.unimproved = 0, 0
        self.best_step, self.lowest_score, self.lowest_step = None, None, 0
        self.interval_losses = []

    def note(self, kind: str, detail: str) -> None:
        """Record an incident, and begin a new branch of draws.

        Raises:
            TrainingError: this kind of incident has come too often; the message holds the history.
        """
        self.incidents.append(Incident(kind=kind, step=self.step, branch=self.branch, detail=detail))
        if sum(incident.kind == kind for incident in self.incidents) > ALLOWED[kind]:
            raise TrainingError(f"training {kind} once too often: {sentences.incidents(self.incidents)}")
        self.branch += 1

    def to_json(self) -> str:
        """As text; `from_json` undoes it."""
        return _COURSE.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Course:
        """The course that a snapshot holds."""
        return _COURSE.validate_json(text)


_COURSE = TypeAdapter(Course)
