"""Records about time: how fast a machine does the work of a run, and how long a run would take."""

from __future__ import annotations

from dcgan.run.records.base import Record


class Conditions(Record):
    """What the seconds of a step depend on: rates measured under other conditions say nothing."""

    processor: str
    gpus: str
    threads: int
    processes: int
    image_shape: tuple[int, int, int]
    """(H, W, C)."""
    width: int
    latent_dim: int
    batch_size: int
    precision: str
    """As the job asks for it."""
    classifier: str | None


class Rates(Record):
    """`rates.json`: seconds that each kind of work takes on a machine, with as many processes as the job has."""

    conditions: Conditions
    run_id: str | None = None
    """The run that took so long; None: some steps were timed."""
    start: float
    """Until a process takes its first step: imports, and compiling. The next work in it does not wait for that."""
    class_rest: float = 0.0
    """What else a class takes beside steps and images, such as scores and snapshots."""
    judge_step: float
    base_step: float
    class_step: float
    class_share: float = 1.0
    """Steps that classes took, by those planned: fewer where no better one was found, more after an incident."""
    image: float
    """One accepted image, including the candidates that were rejected for it."""
    classifier_step: float
    classifier_rest: float = 0.0
    """What else a classifier takes beside its steps."""


class Estimate(Record):
    """How long a run would take on this machine."""

    seconds: dict[str, float]
    """By stage, as in `RunSummary.seconds`; only those that have something to do."""
    run_id: str | None
    """The run that this is known from; None: some steps were timed."""

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds.values())
