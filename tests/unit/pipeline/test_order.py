"""The order of stages: what is dealt out to how many tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dcgan.config import ResolvedJob, parse_job
from dcgan.curation.parts import PART, SHARDS_MIN
from dcgan.pipeline.night import Night
from dcgan.pipeline.order import Order
from dcgan.pipeline.stages import GENERATE, SHARDS, Portion, Stage
from dcgan.run import records
from dcgan.run.paths import Run
from tests.records import generation_record


class Done:
    """A portion that has ended."""

    def result(self) -> Any:
        """Nothing."""


def test_shards_of_a_large_class_are_dealt_out_in_tasks_that_are_not_long(tmp_path: Path) -> None:
    run = Run(tmp_path)

    def dealt(processes: int, num_wanted: int) -> list[int]:
        begun: list[tuple[Stage, Portion, bool]] = []

        def start(stage: Stage, run: Run, job: ResolvedJob, portion: Portion, *, here: bool = False) -> Done:  # noqa: ARG001
            begun.append((stage, portion, here))
            return Done()

        values = {"name": "t", "data": {"source": "x"}, "run": {"processes": processes, "threads": 1}}
        order = Order(Night(run, parse_job(values, where="test").resolve(Path())), start)
        order.chosen = {"cat": num_wanted}
        order.generate()
        shards = [len(portion.arguments["firsts"]) for stage, portion, _ in begun if stage is SHARDS]
        assert [(stage, here) for stage, _, here in begun if stage is not SHARDS] == [(GENERATE, bool(shards))]
        return shards

    assert dealt(2, SHARDS_MIN * PART - 1) == dealt(1, 100 * PART) == []
    assert dealt(2, 9 * PART) == [5, 4] and dealt(3, 8 * PART) == [3, 3, 2] and dealt(16, 8 * PART) == [1] * 8
    assert dealt(2, 24 * PART) == [8, 8, 8]
    records.write(run.generation("cat") / "record.json", generation_record(9 * PART))
    assert dealt(2, 9 * PART) == []
