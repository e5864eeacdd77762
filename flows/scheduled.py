"""The nightly flow as a schedule starts it: by the name of a job file, which is read anew every night."""

# No `from __future__ import annotations` here: a served flow is pickled, and Prefect reads its parameters' types from
# the annotations themselves.
from collections.abc import Sequence
from pathlib import Path

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Failed

from dcgan import terminal
from dcgan.config import ResolvedJob, load_job
from dcgan.errors import DcganError, StageError
from dcgan.execution import interruption
from dcgan.flows import notifications
from dcgan.flows.nightly import flow_for, nightly
from dcgan.flows.notifications import End
from dcgan.run import runs
from dcgan.run.records import RunResult


def _run_name() -> str:
    parameters = runtime.flow_run.parameters
    try:
        name = _job(parameters["job_file"], parameters["settings"]).name
    except DcganError:  # the run itself will report it
        name = runtime.deployment.name or Path(parameters["job_file"]).stem
    return f"{name} {runs.now()}"


def _job(job_file: str, settings: Sequence[str]) -> ResolvedJob:
    return load_job(Path(job_file), settings)


@flow(
    name="dcgan-augment",
    flow_run_name=_run_name,
    on_completion=[notifications.notify],
    on_failure=[notifications.notify],
    on_crashed=[notifications.notify],
)
def scheduled(
    job_file: str,
    settings: Sequence[str] = (),
    rehash: bool = False,
    fresh: bool = False,
    notify: Sequence[str] = (),  # noqa: ARG001 (read by the hooks)
    notify_on: Sequence[End] = ("completion", "failure", "crash"),  # noqa: ARG001 (as above)
) -> State[RunResult]:
    """Train, generate, prove and release one job.

    Args:
        job_file: its path, as the machine that runs it has it.
        settings: such as `generation.per_class=200`, over keys of the job file.
        rehash: open every image, also those that have not changed since the job's last run.
        fresh: take nothing over from earlier runs.
        notify: notification blocks that report how the run ends, such as `slack-webhook/my-team`.
        notify_on: ends that they report.
    """
    job = _job(job_file, settings)
    context = FlowRunContext.get()
    assert context is not None
    # The engine has started a task runner before the job was known; the one that the job asks for takes its place.
    with (
        flow_for(job).task_runner.duplicate() as runner,
        context.model_copy(update={"task_runner": runner}),
        terminal.lines(),
    ):
        try:
            state = nightly.fn(job, rehash, fresh)
        except BaseException:  # such as a signal: the runner ends when its threads do, and they wait for the workers
            interruption.request()
            raise
    if state.is_failed():  # a summary is no error, and Prefect would complain of it in the log
        return Failed(message=state.message, data=StageError(state.message))
    return state
