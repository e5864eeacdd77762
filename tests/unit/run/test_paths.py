"""Places of a job and of its runs."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given

from dcgan.run.paths import JobFolder, Run
from tests.unit.files.test_names import labels


@given(labels)
@example("..")
@example("/etc")
def test_no_class_leaves_its_run(label: str) -> None:
    run = Run(Path("/data/job/runs/1"))
    for place in (run.train_images(label), run.training(label), run.generation(label), run.model(label)):
        assert run.root in place.parents and ".." not in place.parts


def test_run_knows_its_job_and_job_its_runs() -> None:
    job = JobFolder(Path("/data/job"))
    assert job.run("20240101-020000").job == job
    assert job.run("20240101-020000").id == "20240101-020000"
