"""Runs: what was interrupted goes on when the job is still the same, and nothing else does."""

from __future__ import annotations

import shutil
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dcgan.config import ResolvedJob, parse_job, parse_resolved
from dcgan.errors import StorageError
from dcgan.files import storage
from dcgan.run import records, runs
from dcgan.run.history import finish_run
from dcgan.run.paths import Run
from dcgan.run.records import Ending, RunRecord
from tests.records import changed, run_summary


class Clock(datetime):
    """The clock by which runs are named, once it was set."""

    _moment: ClassVar[datetime]

    @classmethod
    def stands_at(cls, day: str) -> None:
        cls._moment = datetime.fromisoformat(f"{day}T02:00:00+00:00")

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return cls._moment.astimezone(tz)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(runs, "datetime", Clock)
    return Clock


def job(root: Path, **changes: Any) -> ResolvedJob:
    values = {"name": "j", "data": {"source": "images"}, "outputs": {"root": "out"}, **changes}
    return parse_job(values, where="").resolve(root)


def test_new_run_writes_the_resolved_config_before_anything_else(tmp_path: Path) -> None:
    run, resumed = runs.open_run(job(tmp_path))
    assert not resumed
    assert parse_resolved(storage.read_json(run.config), where="") == job(tmp_path)
    record = records.read(run.record, RunRecord)
    assert not record.is_finished and (record.ending, record.state) == (None, "running")
    assert record.versions["tensorflow"] and record.seed == 0
    assert run.root.parent == tmp_path / "out" / "j" / "runs"


def test_interrupted_run_of_other_results_does_not_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, _ = runs.open_run(job(tmp_path))
    record = records.read(first.record, RunRecord)
    records.write(first.record, record.model_copy(update={"results_format": runs.FORMAT - 1}))
    with caplog.at_level("INFO"):
        second, resumed = runs.open_run(job(tmp_path))
    assert second.id > first.id and not resumed
    assert f"Run {first.id} was interrupted and is not resumed: an earlier version" in caplog.text
    assert runs.open_run(job(tmp_path)) == (second, True)


def test_interrupted_run_goes_on(tmp_path: Path) -> None:
    first, _ = runs.open_run(job(tmp_path))
    assert runs.open_run(job(tmp_path)) == (first, True)


@pytest.mark.parametrize(
    "changes", [{"generation": {"seed": 1}}, {"training": {"width": 8}}, {"data": {"source": "b"}}]
)
def test_run_of_another_config_does_not_go_on(tmp_path: Path, changes: dict[str, Any]) -> None:
    first, _ = runs.open_run(job(tmp_path))
    second, resumed = runs.open_run(job(tmp_path, **changes))
    assert not resumed and second != first


def test_finished_run_does_not_go_on(tmp_path: Path) -> None:
    first, _ = runs.open_run(job(tmp_path))
    finish_run(first, run_summary())
    record = records.read(first.record, RunRecord)
    assert (record.ending, record.state) == (Ending.COMPLETED, "Completed")
    assert record.finished and record.is_finished
    second, resumed = runs.open_run(job(tmp_path))
    assert not resumed and second != first


def test_only_the_newest_run_can_go_on(tmp_path: Path) -> None:
    first, _ = runs.open_run(job(tmp_path))
    second, _ = runs.open_run(job(tmp_path, generation={"seed": 1}))
    finish_run(second, run_summary())
    third, resumed = runs.open_run(job(tmp_path))
    assert not resumed and third not in (first, second)


def test_runs_of_one_second_are_told_apart_and_have_an_order(tmp_path: Path, clock: type[Clock]) -> None:
    clock.stands_at("2026-01-01")
    opened = [runs.open_run(job(tmp_path, generation={"seed": seed}))[0] for seed in range(13)]
    assert len({run.id for run in opened}) == 13
    assert runs.newest_first(opened[0].job) == opened[::-1]


def test_run_that_was_interrupted_goes_on_after_a_night_dated_2030(tmp_path: Path, clock: type[Clock]) -> None:
    clock.stands_at("2030-01-01")
    wrong, _ = runs.open_run(job(tmp_path))
    finish_run(wrong, run_summary())
    clock.stands_at("2026-01-01")
    right, resumed = runs.open_run(job(tmp_path))
    assert not resumed and right.id < wrong.id
    assert runs.newest_first(right.job) == [right, wrong]
    assert runs.open_run(job(tmp_path)) == (right, True)
    clock.stands_at("2025-01-01")  # and wrong again, the other way
    assert runs.open_run(job(tmp_path)) == (right, True)
    runs.remove_old_runs(right.job, 1)
    assert right.root.exists() and not wrong.root.exists()


def test_id_is_used_once_even_if_the_clock_comes_to_the_same_second_again(tmp_path: Path, clock: type[Clock]) -> None:
    ids = []
    for _ in range(4):
        clock.stands_at("1970-01-01")  # as on a machine whose clock has no battery
        run, _ = runs.open_run(job(tmp_path))
        finish_run(run, run_summary())
        ids.append(run.id)
        shutil.rmtree(run.root)
        if len(ids) == 2:  # its history is lost, its release is not
            run.job.history.unlink()
            (run.job.releases / ids[0]).mkdir(parents=True)
    assert ids[2] == ids[1]  # of which nothing is left
    assert len({ids[0], *ids[2:]}) == 3


def test_runs_of_an_earlier_version_are_older_than_those_of_this_one(tmp_path: Path, clock: type[Clock]) -> None:
    opened: list[Run] = []
    for day in ("2026-01-02", "2026-01-01"):
        clock.stands_at(day)
        run, _ = runs.open_run(job(tmp_path, generation={"seed": 1 + len(opened)}))
        storage.write_json(run.record, {**storage.read_json(run.record), "number": 0})
        opened.append(run)
    newest, _ = runs.open_run(job(tmp_path))
    assert runs.newest_first(newest.job) == [newest, *opened]


def test_run_whose_record_is_damaged_does_not_stop_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, _ = runs.open_run(job(tmp_path))
    finish_run(first, run_summary())
    second, _ = runs.open_run(job(tmp_path))
    first.record.write_bytes(b"{")
    assert runs.open_run(job(tmp_path)) == (second, True)
    assert str(first.record) in caplog.text


def test_what_a_killed_process_left_is_removed_when_a_run_is_opened(tmp_path: Path) -> None:
    (tmp_path / "out" / "j" / "runs" / ".tmp-1-x").mkdir(parents=True)
    run, _ = runs.open_run(job(tmp_path))
    assert [path.name for path in run.root.parent.iterdir()] == [run.id]


def test_old_runs_over_keep_are_removed_newest_last(tmp_path: Path) -> None:
    opened = [runs.open_run(job(tmp_path, generation={"seed": seed}))[0] for seed in range(4)]
    runs.remove_old_runs(opened[0].job, 2)
    assert [run.root.exists() for run in opened] == [False, False, True, True]


def test_run_of_latest_is_kept_whatever_comes_after_it(tmp_path: Path) -> None:
    opened = [runs.open_run(job(tmp_path, generation={"seed": seed}))[0] for seed in range(4)]
    (opened[1].job.releases / opened[1].id).mkdir(parents=True)
    opened[1].job.latest.symlink_to(f"releases/{opened[1].id}")
    runs.remove_old_runs(opened[0].job, 1)
    assert [run.root.exists() for run in opened] == [False, True, False, True]


def test_fresh_goes_on_only_with_what_was_begun_so(tmp_path: Path) -> None:
    usual, _ = runs.open_run(job(tmp_path))
    fresh, resumed = runs.open_run(job(tmp_path), fresh=True)
    assert fresh != usual and not resumed
    assert runs.open_run(job(tmp_path), fresh=True) == (fresh, True) == runs.open_run(job(tmp_path))


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    first, _ = runs.open_run(job(tmp_path))
    (first.root.parent / "zzz").mkdir()
    (first.root.parent / "zzz.txt").touch()
    assert runs.open_run(job(tmp_path)) == (first, True)
    runs.remove_old_runs(first.job, 1)
    assert {path.name for path in first.root.parent.iterdir()} == {first.id, "zzz", "zzz.txt"}


def test_place_that_cannot_be_written_is_told_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(StorageError, match=r"outputs\.root .*(Not a directory|File exists)"):
        runs.open_run(job(tmp_path))


def test_other_threads_and_versions_are_told_when_a_run_goes_on(tmp_path: Path) -> None:
    run, _ = runs.open_run(job(tmp_path, run={"processes": 1, "threads": 1}))
    config = job(tmp_path, run={"processes": 1, "threads": 2})
    assert runs.changes_since_start(run, config) == ["threads was 1, is 2"]
    record = records.read(run.record, RunRecord)
    records.write(run.record, changed(record, versions=record.versions | {"keras": "1.0"}))
    assert any(told.startswith("keras was 1.0, is ") for told in runs.changes_since_start(run, config))
