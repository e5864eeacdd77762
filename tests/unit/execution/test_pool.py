"""Worker processes: their errors arrive as they were raised, their deaths are told, and all can be stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.jobs import put_generated
from dcgan.errors import Interrupted, StageError, StorageError
from dcgan.execution.pool import KEPT_SECONDS, Work, Workers
from dcgan.execution.progress import Progress
from dcgan.pipeline.performing import WORKER
from dcgan.pipeline.stages import (
    ALL,
    BASE,
    JUDGE,
    MAKE,
    MEASURE_QUALITY,
    MEASURE_UTILITY,
    TRAIN,
    TRY_RECIPES,
    Portion,
    Stage,
    of_class,
    of_classifiers,
)  # fmt: skip
from dcgan.run import records
from dcgan.run.paths import Run
from dcgan.run.records import TrainingRecord
from tests.conftest import BRIEF, TINY, split_run, write_digits
from tests.records import recipe, recipe_record


def ignore(_: Progress) -> None:
    """Nobody watches."""


def work_of(run: Path, stage: Stage = JUDGE, portion: Portion = ALL, *, per_gpu: int = 1) -> Work:
    """What a worker is given for a portion of a stage, with one thread."""
    return Work(
        run=str(run), stage=stage.name, title=stage.title, worker=WORKER, function=stage.function,
        arguments=dict(portion.arguments), label=portion.label, threads=1, per_gpu=per_gpu,
        log=str(Run(run).log(stage.name, *portion.subjects[0])),
    )  # fmt: skip


def worker_of(run: Path) -> psutil.Process | None:
    """The process that works on a run, if one does."""
    children = psutil.Process().children()
    return next((child for child in children if any(f'"{run}"' in part for part in child.cmdline())), None)


@contextmanager
def acting_on_worker(run: Path, act: str) -> Iterator[None]:
    """Send a signal to the run's worker as soon as it is there."""

    def send() -> None:
        deadline = time.monotonic() + 30
        while (worker := worker_of(run)) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if worker is not None:
            worker.send_signal(signal.Signals[act])

    thread = threading.Thread(target=send)
    thread.start()
    yield
    thread.join()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose config is a pipe that nobody writes to: its worker waits for ever."""
    os.mkfifo(tmp_path / "config.json")
    return tmp_path


def test_error_of_a_worker_arrives_as_it_was_raised(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot read .*config\.json"):
        Workers().perform(work_of(tmp_path), ignore)


@pytest.mark.parametrize(
    ("act", "told"), [("SIGKILL", "was killed, most often because .* memory"), ("SIGABRT", "by signal SIGABRT")]
)
def test_death_of_a_worker_is_told_with_its_class_and_its_log(run: Path, act: str, told: str) -> None:
    log = run / "logs" / "train-%2E.%2Fcat.log"
    log.parent.mkdir()
    log.write_text("the last words\n")
    with acting_on_worker(run, act), pytest.raises(StageError, match=rf"(?s)class '\.\./cat'.*{told}.*the last words"):
        Workers().perform(work_of(run, TRAIN, of_class("../cat", max_seconds=None)), ignore)
    assert worker_of(run) is None


def test_stopped_workers_end_at_once_and_no_more_begin(run: Path) -> None:
    workers, told = Workers(), []

    def perform() -> None:
        with pytest.raises(Interrupted) as interrupted:
            workers.perform(work_of(run), ignore)
        told.append(str(interrupted.value))

    thread = threading.Thread(target=perform, daemon=True)
    thread.start()
    while worker_of(run) is None:
        time.sleep(0.05)
    workers.stop()
    thread.join(30)
    assert told == ["judge was stopped; run the same command again to resume"]
    assert worker_of(run) is None
    with pytest.raises(Interrupted, match="did not start"):
        workers.perform(work_of(run), ignore)


def test_signal_that_comes_while_a_worker_is_started_stops_it_and_locks_nothing_up(run: Path) -> None:
    # Ctrl-C is handled in the very thread that starts the worker: between any two of its steps.
    script = """
        import signal, sys
        from dcgan.execution import child, pool
        from dcgan.errors import Interrupted

        workers = pool.Workers()
        signal.signal(signal.SIGINT, lambda *_: workers.stop())

        def interrupt(frame, event, _):
            if event == "return" and frame.f_code is child.Child.__init__.__code__:
                sys.setprofile(None)
                signal.raise_signal(signal.SIGINT)

        sys.setprofile(interrupt)
        try:
            work = {"run": sys.argv[1], "stage": "judge", "title": "judge", "worker": "dcgan.pipeline.worker"}
            work |= {"function": "", "arguments": {}, "threads": 1, "log": sys.argv[1] + "/logs/judge.log"}
            workers.perform(pool.Work(**work), lambda _: None)
        except Interrupted as error:
            print("stopped", error)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(run)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "stopped judge was stopped; run the same command again to resume\n"


def test_memory_stays_flat_over_50_classes_in_one_worker(tmp_path: Path) -> None:
    write_digits(tmp_path / "images", {0: 40, 1: 40})
    training = TINY["training"] | {"class_steps": 10}
    opened, _ = split_run(tmp_path, training=training, gate={"classifier_steps": 20})
    workers, memory, at_work = Workers(), [], set()
    workers.perform(work_of(opened.root), ignore)
    workers.perform(work_of(opened.root, BASE, Portion({"max_seconds": None})), ignore)
    for _ in range(50):
        for folder in (opened.training("0"), opened.generation("0")):
            shutil.rmtree(folder, ignore_errors=True)
        workers.perform(work_of(opened.root, MAKE, of_class("0", num_wanted=40, max_seconds=None)), ignore)
        assert records.read(opened.training("0") / "record.json", TrainingRecord).steps == 10
        worker = worker_of(opened.root)
        assert worker is not None
        at_work.add(worker.pid)
        memory.append([process.memory_info().rss for process in (psutil.Process(), worker)])
    workers.end_kept()
    assert len(at_work) == 1
    assert (np.max(memory[10:], axis=0) - memory[9] < 4 * 2**20).all()


def test_worker_is_kept_for_the_next_stage_and_the_next_run(tmp_path: Path) -> None:
    write_digits(tmp_path / "images", {0: 30, 1: 25})
    opened, _ = split_run(tmp_path, gate={"classifier_steps": 5})
    put_generated(opened, "0", np.load(opened.train_images("0"))[:4])
    records.write(opened.recipe_record, recipe_record())
    workers = Workers()

    def perform(stage: Stage, portion: Portion = ALL) -> psutil.Process:
        workers.perform(work_of(opened.root, stage, portion), ignore)
        worker = worker_of(opened.root)
        assert worker is not None
        return worker

    one, tried = of_classifiers([0]), of_classifiers([0], recipes=[recipe(0.0).model_dump(mode="json")])
    kept = [perform(JUDGE), perform(TRY_RECIPES, tried), perform(MEASURE_QUALITY), perform(MEASURE_UTILITY, one)]
    assert len({worker.pid for worker in kept}) == 1
    logs = {file.name for file in (opened.root / "logs").iterdir()}
    assert {"try_recipes-0.log", "measure_quality.log", "measure_utility-0.log"} <= logs
    kept[0].kill()  # by the system, for memory
    kept[0].wait(10)
    last = perform(MEASURE_QUALITY)
    other = tmp_path / "other"  # another run, as a machine of a cluster has with each piece of work
    shutil.copytree(opened.root, other)
    for folder in ("judge", "logs"):
        shutil.rmtree(other / folder)
    workers.perform(work_of(other), ignore)
    assert (other / "judge" / "record.json").exists() and last.is_running()
    workers.end(str(opened.root))
    assert last.is_running()
    workers.end(str(other))
    last.wait(KEPT_SECONDS + 10)
    assert worker_of(opened.root) is None


def test_class_that_fails_ends_its_worker_and_the_next_has_another_that_ends_when_it_is_not_needed(
    tmp_path: Path,
) -> None:
    write_digits(tmp_path / "images", {0: 40, 1: 40})
    opened, _ = split_run(tmp_path, training=BRIEF["training"], gate={"classifier_steps": 20})
    workers = Workers()
    workers.perform(work_of(opened.root), ignore)
    first = worker_of(opened.root)
    with pytest.raises(StageError):
        workers.perform(work_of(opened.root, TRAIN, of_class("none of the set", max_seconds=None)), ignore)
    assert first is not None and not first.is_running() and worker_of(opened.root) is None
    workers.perform(work_of(opened.root, TRAIN, of_class("1", max_seconds=None)), ignore)
    assert records.read(opened.training("1") / "record.json", TrainingRecord).steps == BRIEF["training"]["class_steps"]
    second = worker_of(opened.root)
    assert second is not None
    second.wait(KEPT_SECONDS + 10)


def test_process_whose_time_is_over_as_its_parent_ends_leaves_no_folder(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom dcgan.execution import pool\npool.KEPT_SECONDS = 0.1\n"
        "slow = [sys.executable, '-c', 'import sys, time; sys.stdin.read(); time.sleep(2)']\n"
        "pool.workers().keep(pool.workers().start(slow, 'slow'), 'slow')\ntime.sleep(1)"
    )
    subprocess.run([sys.executable, "-c", script], env=os.environ | {"TMPDIR": str(tmp_path)}, check=True)
    assert not list(tmp_path.iterdir())


def test_workers_of_one_run_are_ended_and_those_of_another_go_on(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    os.mkfifo(other / "config.json")
    workers, told = Workers(), []

    def perform(of_run: Path) -> None:
        try:
            workers.perform(work_of(of_run), ignore)
        except (Interrupted, StageError) as error:
            told.append((of_run, type(error)))

    threads = [threading.Thread(target=perform, args=(one,), daemon=True) for one in (run, other)]
    for thread in threads:
        thread.start()
    while worker_of(other) is None or worker_of(run) is None:
        time.sleep(0.05)
    workers.end(str(other))
    threads[1].join(30)
    assert told == [(other, Interrupted)]
    with pytest.raises(Interrupted, match="did not start"):
        workers.perform(work_of(other), ignore)
    assert threads[0].is_alive()
    workers.stop()
    threads[0].join(30)
    assert told[1:] == [(run, Interrupted)]


def test_each_gpu_has_as_many_workers_at_a_time_as_are_asked_for(tmp_path: Path) -> None:
    """The GPUs are made up: what a worker is told in its environment is what counts."""
    workers, runs = Workers(["0", "GPU-8a"]), [tmp_path / str(number) for number in range(5)]
    for one in runs:
        one.mkdir()
        os.mkfifo(one / "config.json")

    def perform(of_run: Path) -> None:
        with pytest.raises(Interrupted):
            workers.perform(work_of(of_run, per_gpu=2), ignore)

    threads = [threading.Thread(target=perform, args=(one,), daemon=True) for one in runs]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while len(at_work := [worker for one in runs if (worker := worker_of(one))]) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    assert sorted(worker.environ()["CUDA_VISIBLE_DEVICES"] for worker in at_work) == ["0", "0", "GPU-8a", "GPU-8a"]
    assert sum(worker_of(one) is not None for one in runs) == 4  # the fifth waits for a place
    workers.stop()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
