"""The history: every finished run has its line, whatever becomes of runs, releases and of the process that writes."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan.config import ResolvedJob, parse_job
from dcgan.errors import InputError, StorageError
from dcgan.run import history, records, runs
from dcgan.run.history import Night
from dcgan.run.paths import JobFolder
from dcgan.run.records import Ending, RunRecord, Verdict
from tests.records import class_outcome, run_summary
from tests.unit.conftest import CAT, MADE, SCRIPT, UP, make_run

MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
SHARES = st.none() | st.floats(0, 1)
NIGHTS = st.builds(
    Night,
    run_id=st.text(),
    started=MOMENTS,
    finished=MOMENTS,
    state=st.text(),
    released=st.integers(0, 10**9),
    verdicts=st.dictionaries(st.text(), st.sampled_from(Verdict)),
    ending=st.none() | st.sampled_from(Ending),
    accuracy_without=SHARES,
    accuracy_with=SHARES,
)


def night(number: int, **changes: Any) -> Night:
    day = datetime(2026, 1, number, 2, tzinfo=UTC)
    values = {
        "run_id": f"2026010{number}-020000",
        "started": day,
        "finished": day.replace(hour=4),
        "state": "Completed",
    }
    return Night.model_validate(values | changes)


def job_config(root: Path) -> ResolvedJob:
    values = {"name": "j", "data": {"source": "images"}, "outputs": {"root": "out"}}
    return parse_job(values, where="").resolve(root)


@given(written=st.lists(NIGHTS, max_size=4, unique_by=lambda each: each.run_id))
@settings(deadline=None, max_examples=40)  # every line is synced
def test_what_is_appended_is_read_again(written: list[Night]) -> None:
    with TemporaryDirectory() as folder:
        job = JobFolder(Path(folder) / "job")
        for each in written:
            history.append(job, each)
        assert history.read(job) == written  # in the order in which they ended, whatever their dates


@pytest.mark.parametrize(
    "damage",
    [
        b"{",
        b"null",
        b"[]",
        b'{"run_id": "x"}',
        b"\xff\xfe",
        b'{"run_id":"x","started":"soon","finished":"","state":""}',
    ],
)
def test_damaged_line_is_left_out_and_told(tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    job = JobFolder(tmp_path)
    history.append(job, night(1))
    with job.history.open("ab") as file:
        file.write(damage + b"\n")
    history.append(job, night(2))
    assert history.read(job) == [night(1), night(2)]
    assert caplog.messages == [f"{job.history}, line 2 is damaged and left out"]


def test_line_that_a_kill_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    job = JobFolder(tmp_path)
    for number in (1, 2):
        history.append(job, night(number))
    whole = job.history.read_bytes()
    for length in (*range(whole.index(b"\n") + 1, len(whole), 20), len(whole) - 2, len(whole) - 1):
        job.history.write_bytes(whole[:length])
        history.append(job, night(3))
        told = history.read(job)
        # All but the newline may have been written: then the line is whole, and counts.
        assert told == [night(1), *([night(2)] if length == len(whole) - 1 else []), night(3)]


def test_run_that_ended_twice_counts_as_it_ended_last(tmp_path: Path) -> None:
    job = JobFolder(tmp_path)
    for each in (night(1, released=5), night(2), night(1, released=9)):
        history.append(job, each)
    assert [(each.run_id, each.released) for each in history.read(job)] == [
        (night(1).run_id, 9),
        (night(2).run_id, 0),
    ]


def test_keys_of_a_later_version_are_left_alone(tmp_path: Path) -> None:
    job = JobFolder(tmp_path)
    line = night(1).model_dump_json().removesuffix("}") + ',"new": [1]}\n'
    job.history.write_text(line)
    history.append(job, night(2))
    assert history.read(job) == [night(1), night(2)]
    assert job.history.read_text().startswith(line)


def test_run_of_which_nothing_had_changed_has_a_line_of_its_own_about_the_release_that_stands(tmp_path: Path) -> None:
    run, _ = runs.open_run(job_config(tmp_path))
    stands = run_summary(ending=Ending.UNCHANGED, classes={"a": class_outcome("shipped", "helps", accepted=5)})
    history.finish_run(run, stands)
    [told] = history.read(run.job)
    assert told.run_id == run.id != stands.run_id and told.seconds < 60
    assert (told.ending, told.released) == (Ending.UNCHANGED, 5)


def test_line_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    job = JobFolder(tmp_path)
    values = night(1, verdicts={"a": "shipped"}).model_dump(mode="json", exclude={"ending"})
    job.history.write_text(json.dumps(values) + "\n")
    [told] = history.read(job)
    assert told.ending is None and told.verdicts == {"a": Verdict.SHIPPED}


def test_job_without_a_finished_run_has_no_history(tmp_path: Path) -> None:
    assert history.read(JobFolder(tmp_path / "nowhere")) == []


def test_finished_run_is_in_the_history_with_what_came_of_it(tmp_path: Path) -> None:
    made = make_run(tmp_path, {CAT: "withheld"})
    history.finish_run(made.run, made.outcome)
    record = records.read(made.run.record, RunRecord)
    assert record.is_finished and (record.ending, record.state) == (Ending.PARTLY, made.outcome.state)
    shutil.rmtree(made.run.root)  # pruned: the line stays
    [told] = history.read(made.run.job)
    assert told.run_id == made.run.id
    assert (told.ending, told.state) == (Ending.PARTLY, made.outcome.state)
    assert told.released == MADE[SCRIPT] + MADE[UP]
    assert told.verdicts == {SCRIPT: "shipped", UP: "shipped", CAT: "withheld", "three": "refused"}
    assert (told.accuracy_without, told.accuracy_with) == (0.55, 0.65)
    assert 0 <= told.seconds < 60


def test_run_that_came_to_no_outcome_is_in_the_history(tmp_path: Path) -> None:
    run, _ = runs.open_run(job_config(tmp_path))
    history.fail_run(run, InputError("no images"))
    [told] = history.read(run.job)
    assert (told.ending, told.state) == (Ending.FAILED, "Failed: no images")
    assert (told.released, told.verdicts) == (0, {})
    record = records.read(run.record, RunRecord)
    assert record.is_finished and (record.ending, record.state) == (told.ending, told.state)
    assert told.accuracy_with is None


def test_run_whose_line_cannot_be_written_is_not_finished(tmp_path: Path) -> None:
    run, _ = runs.open_run(job_config(tmp_path))
    run.job.history.mkdir()
    with pytest.raises(StorageError, match=r"cannot write .*history\.jsonl"):
        history.finish_run(run, run_summary())
    assert not records.read(run.record, RunRecord).is_finished  # and is resumed


def test_unreadable_history_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    job = JobFolder(tmp_path)
    job.history.mkdir()
    with pytest.raises(StorageError, match=r"cannot read .*history\.jsonl"):
        history.read(job)


def test_night_on_which_the_clock_was_put_back_took_no_negative_time() -> None:
    assert night(1, finished=datetime(2025, 12, 31, tzinfo=UTC)).seconds == 0


@given(order=st.permutations(range(6)), keep=st.integers(1, 7))
@settings(deadline=None, max_examples=30)
def test_releases_over_keep_are_those_that_were_made_first_whatever_their_dates(order: list[int], keep: int) -> None:
    names = [f"{2020 + year}0101-020000" for year in order]
    with TemporaryDirectory() as folder:
        job = JobFolder(Path(folder) / "job")
        for name in names:
            history.append(job, night(1, run_id=name))
        of_nobody = "20990101-000000"  # of an earlier version, or copied there
        *others, _latest = names
        gone = history.over_keep(job, {of_nobody, *others}, keep)
        assert gone == [of_nobody, *others][: max(0, 7 - keep)]


def test_no_release_is_removed_while_the_history_cannot_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = JobFolder(tmp_path)
    job.history.mkdir()
    assert history.over_keep(job, ["a", "b"], 1) == []
    assert "no release is removed this time" in caplog.text
