"""The stages of a run, as one calls them: by the flow's tasks, and one by one from the command line.

Each takes the run and the resolved job, gives back a small record, and is skipped when its output stands already.
Stages that need TensorFlow run in a process of their own.
"""

from __future__ import annotations

from typing import Any

import dcgan.catalogue
import dcgan.split
from dcgan import outcome, pictures, runs, storage
from dcgan.config import JobConfig
from dcgan.evaluation import gate, leakage, share
from dcgan.paths import Run
from dcgan.plan import ClassPlan, estimate_bytes, make_plan
from dcgan.processes import Work, workers
from dcgan.release import remote
from dcgan.release.publish import publish
from dcgan.report import write_report
from dcgan.terminal import counted, display
from dcgan.training import policy


def begin(job: JobConfig) -> tuple[Run, bool]:
    """Open the run to work on, and see that its release will find its way: `runs.open_run`, under the job's lock."""
    run, resumed = runs.open_run(job)
    if url := runs.job_url(job):
        remote.prepare(url, run.id)
    return run, resumed


def catalogue(run: Run, job: JobConfig, *, rehash: bool = False) -> dict[str, Any]:
    """Open every file that changed since the job's last run, or every file; leave out what is no image."""
    record = dcgan.catalogue.build_catalogue(run, job, display.catalogue, rehash=rehash)
    accepted = sum(entry["accepted"] for entry in record["classes"].values())
    told = f"Catalogue: {counted(accepted, 'real image')} of {counted(len(record['classes']), 'class')}"
    told += f"; {counted(sum(record['reasons'].values()), 'file')} left out"
    told += "".join(f"; {count:,} of split {split} not used" for split, count in record["unused"].items())
    display.say(told)
    return record


def split(run: Run, job: JobConfig) -> dict[str, ClassPlan]:
    """Hold out real images that no GAN sees, and plan what to make of each class."""
    record = dcgan.split.make_split(run, job)
    plan = make_plan(job, record)
    assert job.training.width
    num_bytes = estimate_bytes(plan, dcgan.split.image_shape(run), job.training.width)
    storage.require_room(run.root, num_bytes)
    _tell_leakage(leakage.audit(run))
    wanted = sum(entry["requested"] for entry in plan.values())
    classes = sum(entry["requested"] > 0 for entry in plan.values())
    display.say(f"Plan: {counted(wanted, 'synthetic image')} for {classes} of {counted(len(plan), 'class')}")
    for label, entry in plan.items():
        if entry["state"] == "refused":
            display.say(f"Class {label} is refused: {entry['reason']}")
    return plan


def judge(run: Run, job: JobConfig) -> dict[str, Any]:
    """Train a classifier of the real images, which judges single candidates."""
    return _perform(run, job, "judge", _all_threads(job))


def base(run: Run, job: JobConfig, max_seconds: float | None) -> dict[str, Any]:
    """Train a GAN on all classes, from which each class starts."""
    record = _perform(run, job, "base", _all_threads(job), max_seconds=max_seconds)
    display.say(f"Shared base of all classes: {record['steps']} steps in {record['seconds']:.0f} s")
    return record


def train(run: Run, job: JobConfig, label: str, max_seconds: float | None) -> dict[str, Any]:
    """Train one class, in a process of its own."""
    record = _perform(run, job, "training", _threads(job), label=label, max_seconds=max_seconds)
    told = f"step {record['shipped_step']} of {record['steps']} is the best, {record['seconds']:.0f} s"
    told += f", {record['stopped']}" if record["stopped"] == policy.TIME_RAN_OUT else ""
    display.say(f"Class {label} is trained: {told}")
    for incident in record["incidents"]:
        display.say(f"  {incident['kind']} at step {incident['step']}: {incident['told']}")
    return record


def generate(run: Run, job: JobConfig, label: str, num_wanted: int) -> dict[str, Any]:
    """Make and curate one class's images."""
    record = _perform(run, job, "generation", _threads(job), label=label, number=num_wanted)
    if record.get("short"):
        display.say(f"Class {label} is short: {outcome.shortfall(record, num_wanted)}")
    else:
        display.say(f"Class {label}: {counted(record['accepted'], 'image')}, of {record['tried']:,} tried")
    return record


def slots(job: JobConfig, count: int) -> list[tuple[int, ...]]:
    """The numbers 0 to `count` - 1, dealt out to the processes that work side by side.

    One process does several folds or seeds: to start it and to compile its classifiers takes as long as one of them.
    """
    assert job.run.processes is not None
    return [tuple(range(slot, count, job.run.processes)) for slot in range(min(count, job.run.processes))]


def try_shares(run: Run, job: JobConfig, folds: tuple[int, ...]) -> dict[str, Any]:
    """Train classifiers with other shares of synthetic images, and try them on folds of the training images."""
    return _perform(run, job, "share", _threads(job), numbers=folds)


def choose_share(run: Run) -> dict[str, Any]:
    """The share to measure with, and to recommend."""
    record = share.choose(run)
    told = ", ".join(f"{float(strength):.0%}: {accuracy:.1%}" for strength, accuracy in record["tried"].items())
    display.say(f"Share: at most {record['chosen']:.0%} of a class's draws synthetic (validation images: {told})")
    return record


def measure(run: Run, job: JobConfig, seeds: tuple[int, ...]) -> dict[str, Any]:
    """Train classifiers from some seeds, without and with the synthetic images."""
    return _perform(run, job, "evaluation", _threads(job), numbers=seeds)


def measures(run: Run, job: JobConfig) -> dict[str, Any]:
    """Compare the synthetic images with real ones: how good, how varied and how new they are."""
    record = _perform(run, job, "measures", _threads(job))
    told = [_told_measure(name, record[name]) for name in ("kid", "coverage", "gan_train", "authenticity")]
    display.say(f"Synthetic images, and real ones in their place: {'; '.join(filter(None, told))}")
    return record


def decide(run: Run, job: JobConfig) -> dict[str, Any]:
    """A verdict for each class, on held-out real images."""
    return gate.judge(run, job)


def release(run: Run, job: JobConfig, summary: dict[str, Any]) -> dict[str, Any]:
    """Publish what ships. A run of which nothing ships leaves the releases as they were."""
    storage.write_bytes(run.sample_grid, pictures.png(pictures.class_grid(run, summary["classes"])))
    ships = any(entry["verdict"] == "shipped" for entry in summary["classes"].values())
    folder = publish(run, job, summary) if ships else None
    if folder is None:  # the reasons are told all the same
        write_report(run, job, summary, run.report)
    where: dict[str, Any] = {
        "samples": run.sample_grid,
        "release": folder,
        "latest": run.job.latest if folder else None,
        "report": folder / "report.html" if folder else run.report,
    }
    if folder and (url := runs.job_url(job)):
        where |= remote.upload(run.job, folder.name, url, job.outputs.keep)
        where["report"] = f"{where['release']}/report.html"
    return summary | {name: str(path) if path else None for name, path in where.items()}


def _tell_leakage(record: dict[str, Any]) -> None:
    for kind, count in record["pairs"].items():
        if count:
            display.say(f"Near duplicates, {kind}: {counted(count, 'pair')}")
    if num_leaked := sum(len(entry["holdout_rows"]) for entry in record["classes"].values()):
        display.say(f"{counted(num_leaked, 'held-out image')} near a training image: no evidence, and left out of it")


def _told_measure(name: str, measured: dict[str, Any]) -> str:
    if measured["value"] is None:
        return ""
    beside = "" if measured["ceiling"] is None else f" ({measured['ceiling']:.3f})"
    return f"{name} {measured['value']:.3f}{beside}"


def _perform(run: Run, job: JobConfig, stage: str, threads: int, **more: Any) -> dict[str, Any]:
    """Do a stage in a process of its own; `more` are further fields of its `Work`."""
    work = Work(str(run.root), stage, threads, per_gpu=job.run.per_gpu, **more)
    return workers.perform(work, display.update)


def _threads(job: JobConfig) -> int:
    assert job.run.threads is not None
    return job.run.threads


def _all_threads(job: JobConfig) -> int:
    """Threads for work that has the machine to itself."""
    assert job.run.processes is not None
    return _threads(job) * job.run.processes
