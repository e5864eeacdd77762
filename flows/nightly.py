"""The nightly flow: from real images to a release."""

# No `from __future__ import annotations` here: a served flow is pickled, and Prefect reads its parameters' classes from
# the annotations themselves.
from typing import Any

from prefect import Flow, flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from dcgan import extras
from dcgan.config import LOCAL, ResolvedJob
from dcgan.flows.artifacts import publish_artifacts
from dcgan.flows.tasks import start
from dcgan.pipeline.night import opened
from dcgan.pipeline.order import Order
from dcgan.run import runs
from dcgan.run.records import Ending, RunResult


def _run_name() -> str:
    job = runtime.flow_run.parameters["job"]
    return f"{job['name'] if isinstance(job, dict) else job.name} {runs.now()}"


@flow(name="dcgan-augment", flow_run_name=_run_name)
def nightly(job: ResolvedJob, rehash: bool = False, fresh: bool = False) -> State[RunResult]:
    """Train, generate, prove and release one job.

    Args:
        job: resolved: absolute paths, and every field given.
        rehash: open every image, also those that have not changed since the job's last run.
        fresh: take nothing over from earlier runs.

    Returns:
        A state that names the classes that do not ship, with the run's summary as its data.
    """
    with opened(job, fresh=fresh) as night:
        order = Order(night, start)
        order.catalogue(rehash=rehash)
        if not order.unchanged():
            order.split()
            order.carry_over()
            order.judge()
            order.base()
            order.make()
            order.prove()
            order.release()
    result = night.result
    assert result is not None
    if result.ending is not Ending.UNCHANGED:  # else there is nothing new to look at
        publish_artifacts(night.run, result)
    end_state = Failed if result.ending is Ending.FAILED else Completed
    return end_state(message=result.state, data=result)


def flow_for(job: ResolvedJob) -> Flow[[ResolvedJob, bool, bool], State[RunResult]]:
    """The flow with as many classes side by side as the job says, here or on a cluster.

    Raises:
        ConfigError: the package for a cluster is missing.
    """
    runner: Any = ThreadPoolTaskRunner(max_workers=job.run.processes)  # Prefect's types take no runner's subclass
    if job.run.on != LOCAL:
        with extras.needed_for(f"run.on {job.run.on}"):
            from dcgan.flows import cluster  # noqa: PLC0415 (an extra)
        runner = cluster.task_runner(job.run.on)
    return nightly.with_options(task_runner=runner)
