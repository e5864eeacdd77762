"""Runs: opening a new one or the interrupted one, and what its bytes depend on; `history` records how it ended."""

from __future__ import annotations

import itertools
import logging
import platform
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from dcgan.config import ResolvedJob
from dcgan.errors import StorageError
from dcgan.execution import devices
from dcgan.files import storage, urls
from dcgan.run import records
from dcgan.run.paths import JobFolder, Run
from dcgan.run.records import Provenance, RunRecord

FORMAT = 12
"""Of results. Raised when the same images and the same job give different ones within one version of the package.

Last raised when images without labels that are near a training image were left out.
"""

# Instruction sets by which the kernels of TensorFlow choose their code, and with it their last bits.
INSTRUCTIONS = {"avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16"}
PACKAGES = ("dcgan-augment", "tensorflow", "keras", "numpy", "pillow", "pandas", "prefect")


log = logging.getLogger(__name__)


def job_paths(job: ResolvedJob) -> JobFolder:
    """Where a job's runs and releases are on this machine, even if its releases are then copied to a URL."""
    root = job.outputs.root
    return JobFolder((urls.state_folder(root) if urls.is_url(root) else Path(root)) / job.name)


def job_url(job: ResolvedJob) -> str | None:
    """Where a job's releases go when that is a URL."""
    return f"{job.outputs.root}/{job.name}" if urls.is_url(job.outputs.root) else None


def open_run(job: ResolvedJob, *, fresh: bool = False) -> tuple[Run, bool]:
    """The job's interrupted run if it has one with the same config, or a new one. Call under the job's lock.

    A run that is resumed goes on with the catalogue that it began with. One that gave results of another `FORMAT` is
    not resumed.

    Args:
        job: resolved.
        fresh: go on with a run only if it was begun to take nothing over from others.

    Returns:
        The run, and whether it is resumed.

    Raises:
        StorageError: the output folder cannot be written.
    """
    places = job_paths(job)
    try:
        places.runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write to outputs.root {job.outputs.root}: {error.strerror or error}") from error
    storage.remove_unfinished(places.runs)
    content = job.model_dump(mode="json")
    before = newest_first(places)
    for run in before[:1]:
        begun = records.read(run.record, RunRecord)
        if begun.is_finished:
            continue
        if begun.results_format != FORMAT:
            reason = "an earlier version of dcgan-augment began it"
        elif not _same_job(storage.read_json(run.config), content):
            reason = "the job has changed since it began"
        elif fresh and not begun.fresh:
            reason = "it has taken over results from earlier runs"
        else:
            return run, True
        log.info("Run %s was interrupted and is not resumed: %s", run.id, reason)
    run = places.run(_new_id(places))
    with storage.whole_folder(run.root) as temporary:
        storage.write_json(temporary / run.config.name, content)
        number = _number(before[0]) + 1 if before else 1
        of_job = dict(provenance(job))
        record = RunRecord(id=run.id, number=number, started=now(), fresh=fresh, results_format=FORMAT, **of_job)
        records.write(temporary / run.record.name, record)
    return run, False


def _same_job(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether two configs ask for the same; a run may go on with other threads and processes than it began with."""
    return {**one, "run": None} == {**other, "run": None}


def changes_since_start(run: Run, job: ResolvedJob) -> list[str]:
    """What a resumed run's bytes depend on and is not as it was when the run began, such as a library's version."""
    began, now_ = (_by_name(found) for found in (records.read(run.record, RunRecord), provenance(job)))
    return [f"{name} was {began.get(name)}, is {value}" for name, value in now_.items() if began.get(name) != value]


def _by_name(found: Provenance) -> dict[str, str]:
    """What bytes depend on, as text; versions under the packages' names."""
    others = {name: str(getattr(found, name)) for name in Provenance.model_fields if name != "versions"}
    return others | found.versions


def remove_old_runs(job: JobFolder, keep: int) -> None:
    """Remove all but the newest `keep` runs, and the one that `latest` is of: the next one takes over from it.

    Releases stand apart and are not touched.
    """
    latest = job.latest.resolve().name
    for run in newest_first(job)[keep:]:
        if run.id != latest:
            remove_run(run)


def remove_run(run: Run) -> None:
    """Remove a run's folder. Its name is gone at once; what a kill leaves of it is removed when the next run begins."""
    doomed = run.root.with_name(f"{storage.TEMPORARY_PREFIX}{run.id}")
    run.root.rename(doomed)
    shutil.rmtree(doomed)


def newest_first(job: JobFolder) -> list[Run]:
    """The job's runs in the order in which they were begun, whatever dates their names bear.

    Anything else in that folder, such as a file manager's notes or half of a deleted run, is left out.
    """
    found = job.runs.iterdir() if job.runs.exists() else ()
    begun = [run for run in map(Run, found) if run.record.exists()]
    return sorted(begun, key=lambda run: (_number(run), run.id), reverse=True)


def _number(run: Run) -> int:
    """See `RunRecord.number`; of a run whose record is damaged it is 0, and so others go before it."""
    try:
        return records.read(run.record, RunRecord).number
    except StorageError as error:
        log.warning("%s", error)
        return 0


def provenance(job: ResolvedJob) -> Provenance:
    """What the bytes of a run's results depend on beside its inputs: versions, threads, processor, GPUs."""
    return Provenance(
        versions={"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES},
        threads=job.run.threads,
        processes=job.run.processes,
        machine=platform.machine(),
        processor=cpuinfo("model name"),
        instructions=" ".join(sorted(INSTRUCTIONS.intersection(cpuinfo("flags", "Features").split()))),
        gpus=", ".join(devices.models()),
        seed=job.generation.seed,
    )


def now() -> str:
    """This moment, as ISO 8601 in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _new_id(job: JobFolder) -> str:
    """A run's id: when it began, in UTC, for people; a suffix tells two of one second apart.

    A clock that was put back can come to the same second again. So an id is also taken if only a release or the history
    still has it.
    """
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    taken = {path.name for folder in (job.runs, job.releases) if folder.exists() for path in folder.iterdir()}
    past = job.history.read_bytes() if job.history.is_file() else b""
    names = itertools.chain([stamp], (f"{stamp}-{number}" for number in itertools.count(1)))
    return next(name for name in names if name not in taken and f'"{name}"'.encode() not in past)


def cpuinfo(*names: str) -> str:
    """What Linux says of the first processor under one of these names; "" elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(names)), "")
