"""A stage is declared once, and appears wherever stages are performed: worker, task, cluster and command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dcgan.cli.main import commands as command_line
from dcgan.config import ResolvedJob
from dcgan.execution.progress import OnProgress, Progress, reports
from dcgan.files import storage
from dcgan.flows.tasks import start, task_of
from dcgan.pipeline.cluster.coordinator import coordinating, offer
from dcgan.pipeline.cluster.work import perform_anywhere
from dcgan.pipeline.performing import perform
from dcgan.pipeline.pieces import named, stands
from dcgan.pipeline.stages import STAGES, Portion, Stage, commands, load, of_class
from dcgan.run import runs
from dcgan.run.paths import Run
from tests.conftest import split_run, write_digits, write_job
from tests.object_store import Bucket

COUNT = Stage(
    "count_pixels",
    "count of pixels",
    f"{__name__}:count_pixels",
    reads=("job", "split/{}"),
    writes=("pixels/{}.json",),
    command="count-pixels",
    help="Count the pixels of the job's training images.",
    per_class=True,
    worker=True,
    lines=f"{__name__}:of_count",
)


def count_pixels(run: Run, _job: ResolvedJob, label: str, on_progress: OnProgress) -> None:
    """The function of a stage that somebody adds."""
    size = run.train_images(label).stat().st_size
    on_progress({"done": 1, "total": 1})
    storage.write_json(run.root / "pixels" / f"{label}.json", size)


def of_count(run: Run, portion: Portion) -> list[str]:
    """What people are told of it."""
    return [f"Class {portion.label} has {storage.read_json(run.root / 'pixels' / f'{portion.label}.json')} bytes"]


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage, declared beside the others."""
    monkeypatch.setitem(STAGES, COUNT.name, COUNT)
    return COUNT


@pytest.fixture
def split(tmp_path: Path) -> tuple[Run, ResolvedJob]:
    write_digits(tmp_path / "images", {0: 30, 1: 25})
    return split_run(tmp_path)


def test_every_function_that_is_named_is_there() -> None:
    for stage in STAGES.values():
        assert callable(stage.load())
        assert not stage.lines or callable(load(stage.lines))


def test_worker_performs_it_once_and_reports_under_its_title(added: Stage, split: tuple[Run, ResolvedJob]) -> None:
    heard: list[Progress] = []
    with reports.heard_by(heard.append):
        perform(added, *split, of_class("0"))
        perform(added, *split, of_class("0"))  # what stands is not performed again
    assert heard == [{"stage": "count of pixels", "label": "0", "done": 1, "total": 1}]
    assert stands(added, split[0], of_class("0")) and not stands(added, split[0], of_class("1"))
    assert (split[0].root / "logs" / "count_pixels-0.log").exists()


def test_prefect_has_a_task_of_it(added: Stage) -> None:
    name_of: Any = task_of(added).task_run_name
    assert (task_of(added).name, name_of({"portion": of_class("0")})) == ("count pixels", "count pixels 0")
    assert task_of(added) is task_of(STAGES[added.name]) and callable(start)


def test_cluster_sends_what_it_reads_and_fetches_what_it_writes(added: Stage, bucket: Bucket, tmp_path: Path) -> None:
    write_digits(tmp_path / "images", {0: 30, 1: 25})
    at = {"on": "dask://127.0.0.1:1", "processes": 1, "threads": 1}
    run, job = split_run(tmp_path, outputs={"root": f"{bucket.url}/out"}, run=at)
    assert named(added.reads + added.writes, of_class("a/b")) == ["job", "split/a%2Fb", "pixels/a%2Fb.json"]
    with coordinating(job):
        offer(added, run, job, of_class("0"))
        perform_anywhere(added, run, job, of_class("0"))
        stored = bucket.system.find(f"{bucket.name}/out/t/work/{run.id}")
    assert any(name.endswith("pixels/0.json.json") for name in stored)
    assert runs.job_url(job) == f"{bucket.url}/out/t"


def test_command_line_has_a_command_of_it(added: Stage, tmp_path: Path) -> None:
    assert commands()["count-pixels"] == [added]
    job = write_job(tmp_path)
    runner = CliRunner()
    assert "Count the pixels" in runner.invoke(command_line, ["--help"], standalone_mode=False).output
    done = runner.invoke(command_line, ["count-pixels", str(job), "--class", "0"], standalone_mode=False)
    assert done.exception is None, done.output
    [run] = (tmp_path / "outputs" / "tiny" / "runs").iterdir()
    assert [file.name for file in (run / "pixels").iterdir()] == ["0.json"]
    assert json.loads((run / "pixels" / "0.json").read_text()) > 0


@pytest.mark.parametrize("command", ["train", "generate", "evaluate", "release"])
def test_commands_of_old_say_what_they_do(command: str) -> None:
    find: Callable[[str], str] = lambda name: commands()[name][0].help  # noqa: E731
    assert find(command).endswith(".")
