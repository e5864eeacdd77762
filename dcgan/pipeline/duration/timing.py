"""Rates by trial: a few steps of the job's own networks, in processes like those of a run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import Any

from dcgan.config import ResolvedJob
from dcgan.execution.devices import gpus
from dcgan.execution.pool import Work, workers
from dcgan.execution.progress import reports
from dcgan.files import storage
from dcgan.pipeline.duration.conditions import conditions
from dcgan.pipeline.performing import WORKER
from dcgan.run.paths import Run
from dcgan.run.records import ClassPlan, Rates

TRIALS = "dcgan.pipeline.duration.trials"


def timed(jobs: Sequence[ResolvedJob], image_shape: tuple[int, int, int], plan: Mapping[str, ClassPlan]) -> list[Rates]:
    """Time the work of some jobs that differ in `training` alone. Takes some ten seconds, and leaves nothing.

    First what a process does that has the machine to itself, then what as many as the job has do side by side.

    Args:
        jobs: resolved.
        image_shape: (H, W, C).
        plan: of each class.

    Returns:
        The rates of each job.

    Raises:
        DcganError: a network cannot be built, or takes more memory than there is.
    """
    job = jobs[0]
    arguments = {
        "trainings": [one.training.model_dump(mode="json") for one in jobs],
        "image_shape": image_shape,
        "num_classes": sum(planned.train > 0 for planned in plan.values()),
    }
    comparing = arguments | {"num_real": max(planned.train for planned in plan.values())}
    with tempfile.TemporaryDirectory(prefix="dcgan-timing-") as folder:
        run = Run(Path(folder, job.name, "runs", "timing"))
        storage.write_json(run.config, job.model_dump(mode="json"))
        alone = _time(run, job, "alone", job.run.threads * job.run.processes, arguments)
        with ThreadPoolExecutor(job.run.processes) as pool:
            begun = [
                pool.submit(_time, run, job, "together", job.run.threads, comparing | {"number": number})
                for number in range(job.run.processes)
            ]
            together = [one.result() for one in begun]

    def mean(rate: str, number: int) -> float:
        return fmean(found[rate][number] for found in together)

    before = alone["started"] if job.run.processes == 1 else 0.0  # then it is one process that does both
    return [
        Rates(
            conditions=conditions(one, image_shape),
            start=before + mean("start", number),
            class_rest=mean("start", number) if gpus() else 0.0,  # where no process is kept
            judge_step=alone["judge_step"],
            base_step=alone["base_step"][number],
            class_step=mean("class_step", number),
            image=mean("image", number),
            classifier_step=fmean(found["classifier_step"] for found in together),
            classifier_rest=fmean(found["classifier_rest"] for found in together),
        )
        for number, one in enumerate(jobs)
    ]


def _time(run: Run, job: ResolvedJob, function: str, threads: int, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker process finds."""
    name = f"{function}-{arguments['number']}" if "number" in arguments else function
    workers().perform(
        Work(
            run=str(run.root),
            stage="timing",
            title="timing a few steps",
            function=f"{TRIALS}:{function}",
            arguments=arguments,
            log=str(run.log("timing", name)),
            threads=threads,
            per_gpu=job.run.per_gpu,
            worker=WORKER,
        ),
        reports.send,
    )
    found: dict[str, Any] = storage.read_json(run.root / f"{name}.json")
    return found
