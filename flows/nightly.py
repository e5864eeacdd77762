"""The nightly flow: from real images to a release, one task per stage and class."""

# No `from __future__ import annotations` here: a served flow is pickled, and Prefect reads its parameters' classes from
# the annotations themselves.
import time
from collections.abc import Mapping
from typing import Any

from prefect import Flow, flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from dcgan.cli import terminal
from dcgan.config import LOCAL, JobConfig
from dcgan.errors import ConfigError, InputError
from dcgan.evaluation.sets import compared_with
from dcgan.evaluation.share import TRIED
from dcgan.files import storage
from dcgan.flows import tasks
from dcgan.flows.artifacts import publish_artifacts
from dcgan.pipeline import stages
from dcgan.pipeline.cluster.coordinator import coordinating
from dcgan.run import budget, history, outcome, runs
from dcgan.run.paths import Run


class Stopwatch:
    """Wall-clock seconds of each stage, in their order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        """The stage that ends now took all the time since the one before."""
        now = time.monotonic()
        self.seconds[stage] = round(now - self._last, 1)
        self._last = now


def _run_name() -> str:
    job = runtime.flow_run.parameters["job"]
    return f"{job['name'] if isinstance(job, dict) else job.name} {runs.now()}"


@flow(name="dcgan-augment", flow_run_name=_run_name)
def nightly(job: JobConfig, rehash: bool = False, fresh: bool = False) -> State[dict[str, Any]]:
    """Train, generate, prove and release one job.

    Args:
        job: resolved: absolute paths, and every field given.
        rehash: open every image, also those that have not changed since the job's last run.
        fresh: take nothing over from earlier runs.

    Returns:
        A state that names the classes that do not ship, with the run's summary as its data.
    """
    with storage.exclusive_lock(runs.job_paths(job).lock), coordinating(job):
        watch = Stopwatch()
        run, resumed = stages.begin(job, fresh=fresh)
        # By its module: a served flow is pickled with its globals, and a display holds a lock.
        terminal.display.say(f"{'Resuming' if resumed else 'Starting'} run {run.id} of job {job.name}")
        for change in runs.changes_since_start(run, job):
            terminal.display.say(f"Not as when the run began, so that its bytes may differ: {change}")

        try:
            tasks.catalogue(run, job, rehash=rehash)
            standing = tasks.unchanged(run, job)
            plan = tasks.split(run, job) if standing is None else {}
        except (ConfigError, InputError) as error:
            history.finish_run(run, f"Failed: {error}")  # the next run looks at the images anew
            runs.remove_old_runs(run.job, job.outputs.keep)
            raise
        if standing is not None:
            history.finish_run(run, standing["state"], standing)
            runs.remove_run(run)
            runs.remove_old_runs(run.job, job.outputs.keep)
            return Completed(message=standing["state"], data=standing)
        left = tasks.carry_over(run, job)
        watch.lap("catalogue and split")
        wanted = {label: entry["requested"] for label, entry in plan.items() if entry["requested"]}

        tasks.judge(run, job)
        watch.lap("judge")
        spent = 0.0
        if left["base"]:
            spent = tasks.base(run, job, budget.of_base(job, len(left["train"])))["process_seconds"]
            watch.lap("shared base")

        seconds = budget.of_classes(job, len(left["train"]), spent)
        made, failures = _make(run, job, wanted, seconds)
        watch.lap("training and generation")
        some_whole = not all(record.get("short") for record in made.values())
        verdicts = _prove(run, job) if some_whole else {}
        watch.lap("evaluation")

        summary = tasks.release(run, job, outcome.gather(run, job, plan, failures, verdicts, watch.seconds))
        publish_artifacts(run, summary)
        history.finish_run(run, summary["state"], summary)
        runs.remove_old_runs(run.job, job.outputs.keep)
    end_state = Completed if summary["release"] else Failed
    return end_state(message=summary["state"], data=summary)


def _make(
    run: Run, job: JobConfig, wanted: Mapping[str, int], seconds: float | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Train the classes and make their images; records of those that ended well, and why the others did not.

    A class of very many images is but trained at first. Then its images are made by several processes, and joined here.
    """
    large = {label for label, count in wanted.items() if stages.shards(run, job, label, count)}
    making = {
        label: tasks.train.submit(run, job, label, seconds)
        if label in large
        else tasks.make.submit(run, job, label, count, seconds)
        for label, count in wanted.items()
    }
    made, failures = tasks.outcomes(making)
    trained = [label for label in made if label in large]
    dealt = [some for label in trained for some in stages.shards(run, job, label, wanted[label])]
    # What a task fails to make is made where it is joined, or fails there for the same reason.
    tasks.outcomes({str(some[0]): tasks.make_shards.submit(run, job, some) for some in dealt})
    joined, more = tasks.outcomes({label: tasks.generate.here(run, job, label, wanted[label]) for label in trained})
    return {label: record for label, record in (made | joined).items() if label not in more}, failures | more


def _prove(run: Run, job: JobConfig) -> dict[str, Any]:
    """Measure the generated images, and what they do to a classifier; the verdicts."""
    without, with_them = (
        stages.slots(job, compared_with(job.gate.classifier_seeds, synthetic=synthetic)) for synthetic in (False, True)
    )
    tried = [tasks.try_shares.submit(run, job, some) for some in stages.slots(job, range(len(TRIED)))]
    # What needs no share keeps all processes busy until it is chosen.
    compared = [tasks.measure.submit(run, job, some) for some in without]
    measures = {"measures": tasks.measures.submit(run, job)}
    tasks.raise_first(tried)
    tasks.choose_share(run)
    tasks.raise_first(compared + [tasks.measure.submit(run, job, some) for some in with_them])
    _, not_measured = tasks.outcomes(measures)
    for reason in not_measured.values():  # such as of a feature extractor of the user's: what is proven stays
        terminal.display.say(f"The release goes without measures, and unchecked by them: {reason}")
    return tasks.decide(run, job)


def flow_for(job: JobConfig) -> Flow[[JobConfig, bool, bool], State[dict[str, Any]]]:
    """The flow with as many classes side by side as the job says, here or on a cluster.

    Raises:
        ConfigError: the package for a cluster is missing.
    """
    assert job.run.processes is not None
    runner: Any = ThreadPoolTaskRunner(max_workers=job.run.processes)  # Prefect's types take no runner's subclass
    if job.run.on != LOCAL:
        try:
            from dcgan.flows import cluster  # noqa: PLC0415 (an extra)
        except ImportError as error:
            raise ConfigError(f"run.on {job.run.on}: {error} (pip install 'dcgan-augment[dask]')") from error
        runner = cluster.task_runner(job.run.on)
    return nightly.with_options(task_runner=runner)
