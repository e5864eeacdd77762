"""Stages on another machine, in a folder of their own, with a real store between: what goes out and what comes back."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcgan.config import LOCAL, ResolvedJob, parse_job
from dcgan.curation.parts import SHARD_RECORD
from dcgan.errors import Interrupted, StageError, StorageError
from dcgan.execution import interruption
from dcgan.files import storage, urls
from dcgan.pipeline.cluster import coordinator, work
from dcgan.pipeline.cluster.coordinator import Coordinator, CoordinatorFile, bring, coordinating, offer
from dcgan.pipeline.cluster.work import perform_anywhere
from dcgan.pipeline.performing import perform
from dcgan.pipeline.pieces import stands
from dcgan.pipeline.stages import (
    MAKE,
    MEASURE_UTILITY,
    SHARDS,
    STAGES,
    Portion,
    of_class,
    of_classifiers,
    of_shards,
)
from dcgan.run import history, runs
from dcgan.run.paths import Run
from tests.object_store import Bucket, objects
from tests.records import changed, run_summary

Act = Callable[[Run, Portion], None]
A_B, A_CAT = (of_class(label, num_wanted=5, max_seconds=None) for label in ("a/b", "cat"))


@pytest.fixture
def acting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Act], None]:
    """Have a stage perform something else, in this process."""

    def set_up(act: Act) -> None:
        monkeypatch.setattr(work, "perform", lambda _stage, here, _job, portion: act(here, portion))

    return set_up


@pytest.fixture
def job(bucket: Bucket, tmp_path: Path) -> ResolvedJob:
    return a_job(tmp_path, f"{bucket.url}/out")


def a_job(folder: Path, root: str) -> ResolvedJob:
    run = {"on": "dask://127.0.0.1:1", "processes": 1, "threads": 1}
    values = {"name": "t", "data": {"source": "images"}, "outputs": {"root": root}, "run": run}
    return parse_job(values, where="test").resolve(folder)


@pytest.fixture
def run(job: ResolvedJob) -> Run:
    """A run whose images are split; of pixels there is one byte a class."""
    run, _ = runs.open_run(job)
    for name in ("images.parquet", "split.json", "leakage.json", "cat/train.npy", "a%2Fb/train.npy"):
        storage.write_text(run.split / name, name)
    storage.write_json(run.judge / "record.json", {})
    storage.write_json(run.precision, {})
    return run


def making(seen: list[Any]) -> Act:
    """Notes what it finds, and leaves what a class that is made leaves."""

    def make(here: Run, portion: Portion) -> None:
        label = portion.label
        seen.append(here)
        seen.append({path.relative_to(here.root).as_posix() for path in here.root.rglob("*") if path.is_file()})
        storage.write_text(here.model(label), "model")
        for folder in (here.training(label), here.generation(label)):
            storage.write_json(folder / "record.json", {})

    return make


def test_every_stage_that_works_elsewhere_says_what_it_reads_and_leaves() -> None:
    assert all(stage.reads and stage.writes for stage in STAGES.values() if stage.worker)


def test_stage_finds_what_it_reads_and_what_it_writes_comes_back(
    run: Run, job: ResolvedJob, acting: Callable[[Act], None]
) -> None:
    seen: list[Any] = []
    acting(making(seen))
    with coordinating(job):
        offer(MAKE, run, job, A_B)
        perform_anywhere(MAKE, run, job, A_B)
        assert not run.training("a/b").exists()
        bring(MAKE, run, job, A_B)
    assert run.model("a/b").read_text() == "model" and (run.generation("a/b") / "record.json").exists()
    here, found = seen
    assert here.root != run.root and not here.root.exists()
    assert found == {
        "config.json", "run.json", "split/images.parquet", "split/split.json", "split/leakage.json",
        "split/a%2Fb/train.npy", "judge/record.json", "precision.json",
    }  # fmt: skip


def test_shards_read_their_class_and_come_back_each_by_itself(
    run: Run, job: ResolvedJob, acting: Callable[[Act], None]
) -> None:
    some = of_shards("a/b", [0, 8192])
    found: set[str] = set()

    def make_shards(here: Run, portion: Portion) -> None:
        found.update(path.relative_to(here.root).as_posix() for path in here.root.rglob("*") if path.is_file())
        for first in portion.arguments["firsts"]:
            folder = here.shard(portion.label, first)
            storage.write_text(folder / "images" / "x.png", f"of {first}")
            storage.write_json(folder / SHARD_RECORD, {})

    storage.write_text(run.training("a/b") / "snapshots" / "1.npz", "of no use here")
    storage.write_text(run.model("a/b"), "model")
    acting(make_shards)
    with coordinating(job):
        offer(SHARDS, run, job, some)
        perform_anywhere(SHARDS, run, job, some)
        assert not stands(SHARDS, run, some)
        bring(SHARDS, run, job, some)
    assert {name for name in found if "a%2Fb" in name} == {"split/a%2Fb/train.npy", "training/a%2Fb/model.npz"}
    assert [(run.shard("a/b", first) / "images" / "x.png").read_text() for first in (0, 8192)] == ["of 0", "of 8192"]
    assert stands(SHARDS, run, some) and not stands(SHARDS, run, of_shards("a/b", [0, 8192, 4096]))


def test_what_is_done_is_not_sent_twice_and_is_found_by_the_next_machine(
    run: Run, job: ResolvedJob, acting: Callable[[Act], None]
) -> None:
    seen: list[Any] = []
    acting(making(seen))
    with coordinating(job):
        offer(MAKE, run, job, A_CAT)
        perform_anywhere(MAKE, run, job, A_CAT)
        perform_anywhere(MAKE, run, job, A_CAT)
    assert {"training/cat/record.json", "training/cat/model.npz"} <= seen[3]


def test_what_a_failed_stage_has_left_comes_back_too(run: Run, job: ResolvedJob, acting: Callable[[Act], None]) -> None:
    def fail(here: Run, portion: Portion) -> None:
        storage.write_text(here.training(portion.label) / "training.jsonl", "{}\n")
        raise StageError("diverged")

    acting(fail)
    with coordinating(job):
        offer(MAKE, run, job, A_CAT)
        with pytest.raises(StageError, match="diverged"):
            perform_anywhere(MAKE, run, job, A_CAT)
        bring(MAKE, run, job, A_CAT)
    assert (run.training("cat") / "training.jsonl").exists()


def test_evaluation_that_is_done_again_takes_the_place_of_the_one_before(
    run: Run, job: ResolvedJob, acting: Callable[[Act], None]
) -> None:
    recipes: list[str] = []
    one = of_classifiers([0])

    def measure(here: Run, _: Portion) -> None:
        recipes.append(here.recipe_record.read_text())
        storage.write_text(here.compared(0), f"measured with {recipes[-1]}")

    acting(measure)
    with coordinating(job):
        for recipe in ("first", "second"):
            storage.write_text(run.recipe_record, recipe)
            assert not stands(MEASURE_UTILITY, run, one)
            offer(MEASURE_UTILITY, run, job, one)
            perform_anywhere(MEASURE_UTILITY, run, job, one)
            bring(MEASURE_UTILITY, run, job, one)
            assert run.compared(0).read_text() == f"measured with {recipe}"
    assert recipes == ["first", "second"]


def test_class_that_stands_is_known_to(run: Run) -> None:
    assert not stands(MAKE, run, A_B)
    storage.write_text(run.model("a/b"), "model")
    assert not stands(MAKE, run, A_B)
    storage.write_json(run.training("a/b") / "record.json", {})
    assert not stands(MAKE, run, A_B)
    storage.write_json(run.generation("a/b") / "record.json", {})
    assert stands(MAKE, run, A_B)


def test_finished_runs_leave_the_store_and_unfinished_ones_stay(run: Run, job: ResolvedJob, bucket: Bucket) -> None:
    with coordinating(job):
        offer(MAKE, run, job, A_CAT)
    top = f"{bucket.name}/out/t/work"
    assert any(name.startswith(run.id) for name in objects(bucket.system, top))
    history.finish_run(run, run_summary())
    with coordinating(job):
        pass
    assert list(objects(bucket.system, top)) == ["coordinator.json"]


def test_task_without_a_coordinator_does_not_begin(run: Run, job: ResolvedJob) -> None:
    with coordinating(job):
        pass
    with pytest.raises(Interrupted, match="was stopped before this task started"):
        perform_anywhere(MAKE, run, job, A_CAT)


def test_machine_that_does_not_see_the_shared_folder_says_so(tmp_path: Path) -> None:
    job = a_job(tmp_path, str(tmp_path / "not-there"))
    with pytest.raises(StorageError, match=rf"{platform.node()} finds no coordinator\.json in .*not-there.*URL"):
        perform_anywhere(MAKE, Run(tmp_path / "runs" / "1"), job, A_CAT)


def test_machine_with_other_versions_refuses_and_names_them(run: Run, job: ResolvedJob) -> None:
    with coordinating(job):
        file = CoordinatorFile(job)
        told = file.read()
        assert told is not None
        file.write(changed(told, versions=told.versions | {"tensorflow": "1.0"}))
        with pytest.raises(StageError, match=r"has tensorflow \d.*, not 1\.0 as .*Install the same versions"):
            perform_anywhere(MAKE, run, job, A_CAT)


def test_process_of_a_task_ends_when_another_coordinator_takes_over(
    run: Run, job: ResolvedJob, acting: Callable[[Act], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "ASK_SECONDS", 0.1)
    began = threading.Event()

    def wait(here: Run, portion: Portion) -> None:
        (here.root / "config.json").unlink()
        os.mkfifo(here.root / "config.json")  # nobody writes to it: the process waits for ever
        began.set()
        perform(MAKE, here, job.model_copy(update={"run": job.run.model_copy(update={"on": LOCAL})}), portion)

    acting(wait)

    def take_over() -> None:
        began.wait()
        time.sleep(0.5)
        CoordinatorFile(job).write(Coordinator(id="another", host="there"))

    with coordinating(job):
        offer(MAKE, run, job, A_CAT)
        thread = threading.Thread(target=take_over)
        thread.start()
        with pytest.raises(Interrupted, match="was stopped"):
            perform_anywhere(MAKE, run, job, A_CAT)
        thread.join()
    now = CoordinatorFile(job).read()
    assert now is not None and now.id == "another"  # who has stepped aside does not end the other's run


def test_task_of_a_coordinator_that_died_leaves_nothing_after_the_run_has_ended(
    run: Run, job: ResolvedJob, bucket: Bucket, acting: Callable[[Act], None]
) -> None:
    make = making([])

    def outlive(here: Run, portion: Portion) -> None:
        with coordinating(job):  # another one takes over, and ends the run
            history.finish_run(run, run_summary())
        make(here, portion)

    acting(outlive)
    file = CoordinatorFile(job)
    file.write(Coordinator(id="dead", versions=runs.provenance(job).versions))
    offer(MAKE, run, job, A_CAT)
    perform_anywhere(MAKE, run, job, A_CAT)
    assert list(objects(bucket.system, f"{bucket.name}/out/t/work")) == ["coordinator.json"]


def test_stopped_run_ends_its_tasks_everywhere(job: ResolvedJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(interruption, "_state", interruption._State())
    with coordinating(job):
        interruption.request()
        deadline = time.monotonic() + 30
        while (now := CoordinatorFile(job).read()) is None or now.id is not None:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_what_a_killed_task_has_left_on_its_machine_is_removed(
    run: Run, job: ResolvedJob, acting: Callable[[Act], None]
) -> None:
    top = urls.scratch_folder()
    dead, alive = top / f"{platform.node()}--{2**22 + 1}--x", top / "another-host--1--x"
    for folder in (dead, alive):
        folder.mkdir(parents=True)
    acting(making([]))
    with coordinating(job):
        offer(MAKE, run, job, A_CAT)
        perform_anywhere(MAKE, run, job, A_CAT)
    assert sorted(top.iterdir()) == [alive]


def test_coordinator_is_told_in_json(job: ResolvedJob, bucket: Bucket) -> None:
    with coordinating(job):
        told = json.loads(bucket.system.cat_file(f"{bucket.name}/out/t/work/coordinator.json"))
    assert set(told) == {"id", "was", "host", "versions"}
