"""Prefect tasks: `dcgan`'s stages, wrapped. Only paths and small records cross them.

No retries: a stage that fails does so for a reason that stays (a diverged training, a full disk), and a run that is
started again resumes from its journal. No cache: what is done is known from the run's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture

from dcgan import stages
from dcgan.errors import Interrupted

P = ParamSpec("P")
R = TypeVar("R")


def _of_stage(stage: Callable[P, R], name: str | None = None, run_name: str | None = None) -> Task[P, R]:
    return task(name=name, task_run_name=run_name, cache_policy=NO_CACHE, persist_result=False)(stage)


catalogue = _of_stage(stages.catalogue)
unchanged = _of_stage(stages.unchanged, "compare with the last release")
split = _of_stage(stages.split)
carry_over = _of_stage(stages.carry_over, "carry over")
judge = _of_stage(stages.judge)
base = _of_stage(stages.base, "shared base")
train = _of_stage(stages.train, run_name="train {label}")
generate = _of_stage(stages.generate, run_name="generate {label}")
try_shares = _of_stage(stages.try_shares, "try shares", "try shares {fold}")
choose_share = _of_stage(stages.choose_share, "choose share")
measure = _of_stage(stages.measure, "measure utility", "measure utility {number}")
measures = _of_stage(stages.measures)
decide = _of_stage(stages.decide, "gate")
release = _of_stage(stages.release)


def outcomes(futures: Mapping[str, PrefectFuture[Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Wait for one task per class: records of those that ended well, and why the others did not.

    Raises:
        Interrupted: a task was stopped with its run.
    """
    records, failures = {}, {}
    for label, future in futures.items():
        future.wait()
        if not future.state.is_final():  # what it waits for has failed, so that it was never begun
            failures[label] = str(future.state.message)
            continue
        result = future.result(raise_on_failure=False)
        if isinstance(result, Interrupted):
            raise result
        if isinstance(result, BaseException):
            failures[label] = str(result)
        else:
            records[label] = result
    return records, failures


def raise_first(futures: Sequence[PrefectFuture[Any]]) -> None:
    """Wait for tasks that the run cannot do without.

    Raises:
        DcganError: the first that failed.
    """
    for future in futures:
        future.result()
