"""From work to seconds: what is counted, what is left out, and what machines that help would save."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.config import ResolvedJob, parse_job
from dcgan.pipeline.duration import Work, enough_machines, estimate, work_of
from dcgan.pipeline.duration.estimate import NIGHT, makespan
from dcgan.pipeline.duration.work import ClassWork
from dcgan.run.records import ClassPlan, ClassState, Conditions, Rates

CONDITIONS = Conditions(
    processor="", gpus="", threads=1, processes=2, image_shape=(8, 8, 1), width=8, latent_dim=8, batch_size=16,
    precision="auto", classifier=None,
)  # fmt: skip
RATES = Rates(
    conditions=CONDITIONS, start=5, judge_step=0.1, base_step=0.2, class_step=0.4, image=0.01, classifier_step=0.05
)


@pytest.fixture
def job(tmp_path: Any) -> ResolvedJob:
    return a_job(tmp_path)


def a_job(folder: Any, **keys: Any) -> ResolvedJob:
    values = {"name": "x", "data": {"source": "x"}, "run": {"processes": 2, "threads": 1}} | keys
    return parse_job(values, where="test").resolve(folder)


def planned(requested: int, train: int = 40) -> ClassPlan:
    return ClassPlan(train=train, holdout=20, state=ClassState.OK, requested=requested)


def test_first_run_does_all_of_it(tmp_path: Any) -> None:
    gate = {"classifier_steps": 30, "classifier_seeds": 2, "mixup": False}
    training = {"base_steps": 70, "class_steps": 50}
    plan = {"cat": planned(10), "dog": planned(0), "cow": planned(20)}
    work = work_of(a_job(tmp_path, gate=gate, training=training), plan)
    # A judge and one for each of three folds; three recipes on three folds, at two thirds; three arms of two seeds.
    assert work == Work(30 + 3 * 10, 70, (ClassWork(50, 10), ClassWork(50, 20)), (20,) * 9 + (30,) * 6)
    with_mixup = work_of(a_job(tmp_path, gate=gate | {"mixup": "auto"}, training=training), plan)
    assert with_mixup.classifiers == (20,) * 12 + (30,) * 8
    assert work_of(a_job(tmp_path, training=training | {"base": False}), plan).base_steps == 0
    assert not work.is_nothing and Work(0, 0, (), ()).is_nothing


def test_seconds_of_each_stage(job: ResolvedJob) -> None:
    work = Work(10, 20, (ClassWork(50, 100), ClassWork(0, 300), ClassWork(100, 0)), (30, 30, 30))
    found = estimate(job, work, RATES).seconds
    # The judge starts a process, which goes on with the base; the classes start others, which go on with the proof.
    assert found["judge"] == pytest.approx(5 + 10 * 0.1)
    assert found["shared base"] == pytest.approx(20 * 0.2)
    # Two side by side: the third begins when the second ends.
    first, second, third = 50 * 0.4 + 1, 3, 100 * 0.4
    assert found["training and generation"] == pytest.approx(5 + max(first, second + third))
    assert found["evaluation"] == pytest.approx(60 * 0.05)
    assert estimate(job, Work(0, 0, (), (30,)), RATES).seconds == {"evaluation": pytest.approx(5 + 30 * 0.05)}
    assert estimate(job, Work(0, 20, (), ()), RATES).seconds == {"shared base": pytest.approx(5 + 20 * 0.2)}
    earlier = RATES.model_copy(update={"class_share": 0.5, "class_rest": 2})
    assert estimate(job, Work(0, 0, (ClassWork(100, 0),), ()), earlier).total == pytest.approx(5 + 2 + 50 * 0.4)


def test_budget_limits_training_and_nothing_else(tmp_path: Any) -> None:
    work = Work(10, 10_000, (ClassWork(10_000, 100),) * 4, (30,) * 4)
    found = estimate(a_job(tmp_path, training={"max_minutes": 10}), work, RATES).seconds
    beside = RATES.start + 2 * 100 * RATES.image
    assert found["shared base"] + found["training and generation"] - beside == pytest.approx(600)
    assert found["judge"] == pytest.approx(6) and found["evaluation"] == pytest.approx(60 * 0.05)


def test_one_process_is_started_once(tmp_path: Any) -> None:
    job = a_job(tmp_path, run={"processes": 1, "threads": 2})
    work = Work(10, 20, (ClassWork(50, 0),), (30,))
    assert estimate(job, work, RATES).total == pytest.approx(5 + 10 * 0.1 + 20 * 0.2 + 50 * 0.4 + 30 * 0.05)


def test_images_of_a_large_class_are_made_by_all_processes(job: ResolvedJob) -> None:
    small, large = (estimate(job, Work(0, 0, (ClassWork(0, n),), ()), RATES).total for n in (30_000, 60_000))
    assert small == pytest.approx(5 + 300) and large == pytest.approx(5 + 300)


def test_more_than_a_night_is_shared_by_as_many_machines_as_make_it_one(job: ResolvedJob) -> None:
    short = Work(0, 0, (ClassWork(1000, 0),) * 4, ())
    assert enough_machines(job, short, RATES) is None
    long = Work(0, 0, (ClassWork(70_000, 0),) * 6, ())  # three rounds of about 7.8 h
    found = enough_machines(job, long, RATES)
    assert found and found[0] == 3 and found[1].total <= NIGHT
    # What one machine does alone is not shared: no number is enough, and no more are named than help.
    base = Work(0, 300_000, (ClassWork(70_000, 0),) * 6, (600,) * 60)
    found = enough_machines(job, base, RATES)
    assert found and found[0] == 3 and found[1].total > NIGHT


@given(st.lists(st.floats(0, 100), max_size=30), st.integers(1, 9))
def test_no_schedule_is_shorter_than_its_work_or_twice_as_long_as_it_must_be(each: list[float], processes: int) -> None:
    found = makespan(each, processes)
    least = max([sum(each) / processes, *each])
    assert least - 1e-6 <= found <= 2 * least + 1e-6
