"""Many classes and many nights take seconds, and memory, descriptors and threads stay as they are from time to time."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from dcgan.config import parse_job
from dcgan.data.catalogue import scan
from dcgan.data.split import plan_split
from dcgan.release.keeping import remove_old
from dcgan.run import history, records, runs
from dcgan.run.history import Night
from dcgan.run.paths import JobFolder
from dcgan.run.plan import make_plan
from dcgan.run.records import Ending, RunRecord
from tests.samples import write_classes

NUM_CLASSES, NUM_NIGHTS, KEEP = 200, 1000, 7
TIMES = 4
MAX_GROWTH = 16 * 2**20  # bytes of memory between the second time and the last
MAX_SECONDS = 60.0  # for one time, on a machine that has other work


def require_flat(act: Callable[[], object]) -> None:
    """Do something some times: it must be quick, and the process hold no more than after the second time.

    It may hold less: what earlier tests have left ends in its own time.
    """
    process = psutil.Process()
    states = []
    for _ in range(TIMES):
        began = time.monotonic()
        act()
        assert time.monotonic() - began < MAX_SECONDS
        gc.collect()
        states.append((process.memory_info().rss, process.num_fds(), threading.active_count(), len(process.children())))
    (memory, *before), (memory_now, *now) = states[1], states[-1]
    assert all(one <= other for one, other in zip(now, before, strict=True)), states
    assert memory_now - memory < MAX_GROWTH, states


def test_catalogue_and_plan_of_many_classes(tmp_path: Path) -> None:
    classes = {f"class-{number:03d}": 24 for number in range(NUM_CLASSES)}
    write_classes(tmp_path / "images", classes)
    values = {"name": "many", "data": {"source": "images"}, "generation": {"ratio": 1.0}}
    job = parse_job(values, where="test").resolve(tmp_path)

    def plan() -> None:
        table, record = scan(job.data)
        planned = make_plan(job, plan_split(job, table, record))
        assert len(planned) == NUM_CLASSES and all(one.requested > 0 for one in planned.values())

    require_flat(plan)


def night(number: int) -> Night:
    started = datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=number * 7 % NUM_NIGHTS)  # by a clock that jumps
    return Night(
        run_id=f"{started:%Y%m%d-%H%M%S}", started=started, finished=started + timedelta(hours=1),
        ending=Ending.COMPLETED, state="Completed", released=5,
    )  # fmt: skip


def test_history_of_many_nights_is_read_and_what_is_over_keep_goes(tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "job")
    nights = [night(number) for number in range(NUM_NIGHTS)]
    history.append(job, nights[0])
    with job.history.open("a", encoding="utf-8") as file:  # each is synced else, which takes a while
        file.writelines(f"{each.model_dump_json()}\n" for each in nights[1:])
    provenance = dict(runs.provenance(parse_job({"name": "j", "data": {"source": "i"}}, where="").resolve(tmp_path)))

    def prune() -> None:
        for number, each in enumerate(nights):
            (job.releases / each.run_id).mkdir(parents=True, exist_ok=True)
            run = job.run(each.run_id)
            run.root.mkdir(parents=True, exist_ok=True)
            record = RunRecord(id=each.run_id, number=number + 1, started=each.started.isoformat(), **provenance)
            run.record.write_text(record.model_dump_json(), encoding="utf-8")
        assert history.read(job) == nights
        remove_old(job, job.releases / nights[-1].run_id, KEEP)
        runs.remove_old_runs(job, KEEP)
        kept = {each.run_id for each in nights[-KEEP:]}
        assert {path.name for path in job.releases.iterdir()} == kept
        assert {run.id for run in runs.newest_first(job)} == kept

    require_flat(prune)


def test_many_runs_are_opened_and_finished_one_after_the_other(tmp_path: Path) -> None:
    job = parse_job({"name": "j", "data": {"source": "images"}}, where="test").resolve(tmp_path)

    def nights() -> None:
        for _ in range(20):
            run, resumed = runs.open_run(job)
            assert not resumed
            history.fail_run(run, ValueError("no images"))
            runs.remove_old_runs(run.job, KEEP)

    require_flat(nights)
    places = runs.job_paths(job)
    found = runs.newest_first(places)
    assert [records.read(run.record, RunRecord).number for run in found] == list(
        range(20 * TIMES, 20 * TIMES - KEEP, -1)
    )
    assert len(history.read(places)) == 20 * TIMES
