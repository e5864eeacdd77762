"""The stages of a run, as one calls them: by the flow's tasks, and one by one from the command line.

Each takes the run and the resolved job, gives back a small record, and is skipped when its output stands already.
Stages that need TensorFlow run in a process of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

import dcgan.data.catalogue
import dcgan.data.split
from dcgan.cli.terminal import counted, display
from dcgan.config import JobConfig
from dcgan.curation import parts
from dcgan.curation.parts import Shard
from dcgan.data import leakage
from dcgan.evaluation import gate, share
from dcgan.execution.pool import Work, workers
from dcgan.execution.progress import OnProgress, Progress
from dcgan.files import pictures, storage
from dcgan.pipeline import reuse
from dcgan.release import remote
from dcgan.release.publish import publish, remove_old
from dcgan.release.verify import missing
from dcgan.report import write_report
from dcgan.run import outcome, runs
from dcgan.run.paths import Run
from dcgan.run.plan import ClassPlan, estimate_bytes, make_plan
from dcgan.training import policy

T = TypeVar("T")


def begin(job: JobConfig, *, fresh: bool = False) -> tuple[Run, bool]:
    """Open the run to work on, and see that its release will find its way: `runs.open_run`, under the job's lock."""
    run, resumed = runs.open_run(job, fresh=fresh)
    if url := runs.job_url(job):
        remote.prepare(url, run.id)
    return run, resumed


def catalogue(run: Run, job: JobConfig, *, rehash: bool = False) -> dict[str, Any]:
    """Open every file that changed since the job's last run, or every file; leave out what is no image."""
    record = dcgan.data.catalogue.build_catalogue(run, job, display.catalogue, rehash=rehash)
    accepted = sum(entry["accepted"] for entry in record["classes"].values())
    told = f"Catalogue: {counted(accepted, 'real image')} of {counted(len(record['classes']), 'class')}"
    told += f"; {counted(sum(record['reasons'].values()), 'file')} left out"
    told += "".join(f"; {count:,} of split {split} not used" for split, count in record["unused"].items())
    display.say(told)
    return record


def unchanged(run: Run, job: JobConfig) -> dict[str, Any] | None:
    """The record of the release that `latest` names, where a run would only make it again; None where not.

    It would when everything is as it was (`dcgan.pipeline.fingerprints`), no class had failed, and the release is all
    there. Old releases go all the same.

    Raises:
        ConfigError, InputError: as for `split`.
    """
    if run.fingerprints.exists():  # it was begun for what had changed, and may have been killed after its release
        return None
    prints, _, _ = reuse.fingerprints_of(job, *_catalogued(run))
    latest = run.job.latest
    if storage.read_json(run.record).get("fresh", False) or not (latest / "release.json").exists():
        return None
    record: dict[str, Any] = storage.read_json(latest / "release.json")
    same = record.get("fingerprints", {}).get("release") == prints["release"]
    if not same or any(entry["verdict"] == "failed" for entry in record["classes"].values()):
        return None
    folder, url = latest.resolve(), runs.job_url(job)
    if lacking := missing(folder):
        display.say(f"Nothing has changed, but release {folder.name} is not whole, and is made again: {lacking}")
        return None
    if url and not remote.names(url, folder.name):
        display.say(f"Nothing has changed, but {url} does not have release {folder.name}")
        return None
    remove_old(run.job, folder, job.outputs.keep)
    display.say(f"Nothing has changed since run {folder.name}: its release stays")
    release = f"{url}/releases/{folder.name}" if url else str(folder)
    where = {"release": release, "latest": f"{url}/latest" if url else str(latest), "report": f"{release}/report.html"}
    where["samples"] = str(run.job.run(folder.name).sample_grid)
    told = {"state": outcome.UNCHANGED, "started": storage.read_json(run.record)["started"], "finished": runs.now()}
    return record | told | where


def carry_over(run: Run, job: JobConfig) -> dict[str, Any]:
    """Take over from earlier runs what still holds, so that the stages that follow find it standing.

    Returns:
        `train`: the classes that are left to train; `base`: whether one of them begins with the shared base.
    """
    if not run.fingerprints.exists():
        fresh = storage.read_json(run.record).get("fresh", False)
        changes = reuse.compare(job, *_catalogued(run), leave_out=run, fresh=fresh)
        for told in changes.told:
            display.say(told)
        reuse.carry_over(run, changes)
    labels = storage.read_json(run.fingerprints)["changes"]
    left = [label for label in labels if not _stands(run.training(label))]
    begin = [label for label in left if not run.start(label).exists()]
    return {"train": left, "base": bool(job.training.base and begin)}


def split(run: Run, job: JobConfig) -> dict[str, ClassPlan]:
    """Hold out real images that no GAN sees, and plan what to make of each class."""
    record = dcgan.data.split.make_split(run, job)
    plan = make_plan(job, record)
    assert job.training.width
    num_bytes = estimate_bytes(plan, dcgan.data.split.image_shape(run), job.training.width)
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
    if _stands(run.judge) and run.precision.exists():
        return _record(run.judge)
    return _perform(run, job, "judge", _all_threads(job))


def base(run: Run, job: JobConfig, max_seconds: float | None) -> dict[str, Any]:
    """Train a GAN on all classes, from which each class starts."""
    if _stands(run.base):
        return _record(run.base)
    record = _perform(run, job, "base", _all_threads(job), max_seconds=max_seconds)
    display.say(f"Shared base of all classes: {record['steps']} steps in {record['seconds']:.0f} s")
    return record


def train(run: Run, job: JobConfig, label: str, max_seconds: float | None) -> dict[str, Any]:
    """Train one class, in a process of its own."""
    if _stands(run.training(label)):
        return _record(run.training(label))
    return _told_training(label, _perform(run, job, "training", _threads(job), label=label, max_seconds=max_seconds))


def generate(run: Run, job: JobConfig, label: str, num_wanted: int) -> dict[str, Any]:
    """Make and curate one class's images."""
    if _stands(run.generation(label)):
        return _record(run.generation(label))
    record = _perform(run, job, "generation", _threads(job), label=label, number=num_wanted)
    return _told_generation(label, num_wanted, record)


def shards(run: Run, job: JobConfig, label: str, num_wanted: int) -> list[tuple[Shard, ...]]:
    """The shards of a class, dealt out to tasks; none where its images are there, or one process makes them all.

    A task is done again whole when its machine dies, so that none is long.
    """
    if _stands(run.generation(label)) or job.run.processes == 1:
        return []
    return slots(job, parts.shards(run, label, num_wanted), parts.SHARDS_MIN)


def make_shards(run: Run, job: JobConfig, some: tuple[Shard, ...]) -> dict[str, Any]:
    """Make some shards of a trained class's images, in one process; `generate` joins them."""
    label, firsts = some[0].label, tuple(shard.first for shard in some)
    if all((run.shard(label, first) / parts.SHARD_RECORD).exists() for first in firsts):
        return {"shards": len(firsts)}

    def on_progress(report: Progress) -> None:
        display.update(report | {"label": f"{label} from {firsts[0]:,}"})  # other processes make shards of it too

    return _perform(run, job, "shards", _threads(job), on_progress, label=label, numbers=firsts)


def make(run: Run, job: JobConfig, label: str, num_wanted: int, max_seconds: float | None) -> dict[str, Any]:
    """Train one class and make its images, in one process: to start one takes as long as a small class's training."""
    if _stands(run.training(label)):
        return generate(run, job, label, num_wanted)
    generating = False

    def on_progress(report: Progress) -> None:
        nonlocal generating
        if report["stage"] == "generation" and not generating:
            generating = True
            _told_training(label, _record(run.training(label)))
        display.update(report)

    work = {"label": label, "number": num_wanted, "max_seconds": max_seconds}
    record = _perform(run, job, "making", _threads(job), on_progress, **work)
    return _told_generation(label, num_wanted, record)


def _told_training(label: str, record: dict[str, Any]) -> dict[str, Any]:
    told = f"step {record['shipped_step']} of {record['steps']} is the best, {record['seconds']:.0f} s"
    told += f", {record['stopped']}" if record["stopped"] == policy.TIME_RAN_OUT else ""
    display.say(f"Class {label} is trained: {told}")
    for incident in record["incidents"]:
        display.say(f"  {incident['kind']} at step {incident['step']}: {incident['told']}")
    return record


def _told_generation(label: str, num_wanted: int, record: dict[str, Any]) -> dict[str, Any]:
    if record.get("short"):
        display.say(f"Class {label} is short: {outcome.shortfall(record, num_wanted)}")
    else:
        display.say(f"Class {label}: {counted(record['accepted'], 'image')}, of {record['tried']:,} tried")
    return record


def slots(job: JobConfig, items: Sequence[T], at_most: int | None = None) -> list[tuple[T, ...]]:
    """Classifiers or shards, dealt out to the processes that work side by side.

    One process does several of them: to start it and to compile its networks takes as long as one. With `at_most` of
    them to one process, there may be more processes than work side by side.
    """
    assert job.run.processes is not None
    wished = max(job.run.processes, math.ceil(len(items) / at_most) if at_most else 1)
    num_slots = min(len(items), wished)
    return [tuple(items[slot::num_slots]) for slot in range(num_slots)]


def try_shares(run: Run, job: JobConfig, classifiers: tuple[int, ...]) -> dict[str, Any]:
    """Train some of the classifiers that the share of synthetic images is chosen by: `share.TRIED`."""
    if taken := share.taken_over(run):
        return taken
    return _perform(run, job, "share", _threads(job), numbers=classifiers)


def choose_share(run: Run) -> dict[str, Any]:
    """The share to measure with, and to recommend."""
    record = share.choose(run)
    if "run_id" in record:
        display.say(f"Share: at most {record['chosen']:.0%} of a class's draws synthetic, as in run {record['run_id']}")
        return record
    told = ", ".join(f"{float(strength):.0%}: {accuracy:.1%}" for strength, accuracy in record["tried"].items())
    display.say(f"Share: at most {record['chosen']:.0%} of a class's draws synthetic (validation images: {told})")
    return record


def measure(run: Run, job: JobConfig, classifiers: tuple[int, ...]) -> dict[str, Any]:
    """Train some of the classifiers that the gate compares: `sets.compared`."""
    return _perform(run, job, "evaluation", _threads(job), numbers=classifiers)


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


def _catalogued(run: Run) -> tuple[pd.DataFrame, dict[str, Any]]:
    return pd.read_parquet(run.catalogue_table), storage.read_json(run.catalogue_record)


def _stands(folder: Path) -> bool:
    """Whether a stage's output does."""
    return (folder / "record.json").exists()


def _record(folder: Path) -> dict[str, Any]:
    return dict(storage.read_json(folder / "record.json"))


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


def _perform(
    run: Run, job: JobConfig, stage: str, threads: int, on_progress: OnProgress = display.update, **more: Any
) -> dict[str, Any]:
    """Do a stage in a process of its own; `more` are further fields of its `Work`."""
    work = Work(str(run.root), stage, threads, per_gpu=job.run.per_gpu, **more)
    return workers.perform(work, on_progress)


def _threads(job: JobConfig) -> int:
    assert job.run.threads is not None
    return job.run.threads


def _all_threads(job: JobConfig) -> int:
    """Threads for work that has the machine to itself."""
    assert job.run.processes is not None
    return _threads(job) * job.run.processes
