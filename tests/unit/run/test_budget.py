"""Shares of `training.max_minutes`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.config import ResolvedJob, parse_job
from dcgan.errors import ConfigError
from dcgan.run import budget


def job(minutes: float | None, processes: int = 2) -> ResolvedJob:
    training = {"max_minutes": minutes, "base_steps": 1000, "class_steps": 200, "preset": "quick", "base": True}
    values = {"name": "x", "data": {"source": "x"}, "training": training, "run": {"processes": processes, "threads": 1}}
    return parse_job(values, where="test").resolve(Path())


def test_without_a_budget_there_is_no_limit() -> None:
    assert budget.of_base(job(None), 3) is None
    assert budget.of_classes(job(None), 3, 10.0) is None


@given(st.floats(0.5, 600), st.integers(1, 60), st.integers(1, 8))
def test_shares_add_up_to_the_budget_whatever_the_number_of_classes(
    minutes: float, classes: int, processes: int
) -> None:
    config = job(minutes, processes)
    base = budget.of_base(config, classes)
    assert base is not None and 0 < base < 60 * minutes
    each = budget.of_classes(config, classes, base)
    assert each is not None
    rounds = -(-classes // processes)
    assert base + rounds * each == pytest.approx(60 * minutes)


def test_a_base_that_took_all_leaves_nothing() -> None:
    assert budget.of_classes(job(1), 3, 61.0) == 0


@pytest.mark.parametrize(("minutes", "enough"), [(None, True), (0.0001, False), (0.1, False), (0.2, True)])
def test_budget_in_which_no_process_takes_a_step_is_refused_with_what_can_be_enough(
    minutes: float | None, enough: bool
) -> None:
    if enough:
        budget.require_enough(job(minutes), 4)
        return
    with pytest.raises(ConfigError) as refused:
        budget.require_enough(job(minutes), 4)
    found = re.search(r"at least ([\d.]+) minutes", str(refused.value))
    assert found and "training.max_minutes" in str(refused.value)
    budget.require_enough(job(float(found[1])), 4)
