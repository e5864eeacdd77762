"""Releases in an object store: what `outputs.root` as a URL leads to.

<root>/<job>/
├── latest                      text that names the newest release: `releases/<run id>`
└── releases/<run id>/          a release, when it has a release.json

A store can neither rename nor link. So a release's files are uploaded first, then its `release.json`, then `latest`:
what has no `release.json` is no release.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePosixPath
from typing import Any

from dcgan.data.catalogue.mirror import can_stand
from dcgan.errors import ReleaseError, StorageError
from dcgan.execution.progress import OnProgress, no_report
from dcgan.files import locks, storage, transfers, urls
from dcgan.release.record import MAX_BYTES, RECORD
from dcgan.run import history
from dcgan.run.paths import JobFolder
from dcgan.text import counted

MAX_LATEST_BYTES = 1000  # of `latest`, where it is text
PROBE = ".dcgan-writable"
COPY_SECONDS = 30 * 24 * 3600  # for which the local copy of a release is kept after its last use

log = logging.getLogger(__name__)


def prepare(url: str, run_id: str) -> None:
    """Before the work begins: see that a job's URL can be written to, and remove uploads that were never finished.

    Args:
        url: of the job.
        run_id: of the run that begins or is resumed; what it has uploaded stays.

    Raises:
        StorageError: it cannot be written to.
    """
    system, root = urls.open_url(url)
    problem = f"cannot write to {url}"
    try:
        transfers.patiently(lambda: _write(system, f"{root}/{PROBE}", b""), problem)
    except FileNotFoundError as error:
        raise StorageError(f"{problem}: {error}. A bucket must exist before the run") from error
    transfers.remove(lambda: system.rm_file(f"{root}/{PROBE}"), problem)
    for name, is_whole in _releases(system, root, problem).items():
        if not is_whole and name != run_id:
            log.info("Removing an upload that was never finished: %s/releases/%s", url, name)
            _remove(system, f"{root}/releases/{name}", problem)


def upload(job: JobFolder, run_id: str, url: str, keep: int, on_progress: OnProgress = no_report) -> dict[str, str]:
    """Upload a release, name it as the newest, and remove releases over `keep`.

    What an interrupted upload has brought there is not sent again.

    Args:
        job: whose release it is, published here.
        run_id: of the release.
        url: of the job.
        keep: releases kept.
        on_progress: called with files sent.

    Returns:
        `release` and `latest`, URLs.

    Raises:
        StorageError: the store refuses, or holds another release under that name.
        Interrupted: the run was stopped.
    """
    system, root = urls.open_url(url)
    folder, target = job.releases / run_id, f"{root}/releases/{run_id}"
    problem = f"cannot upload to {url}"
    record = (folder / RECORD).read_bytes()
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    sizes = {name: path.stat().st_size for name, path in files.items() if name != RECORD}

    # The release's files, and last what makes them a release.
    there = _read(system, f"{target}/{RECORD}", problem)
    if there is None:
        missing = _missing(system, target, sizes, problem)
        log.info("Uploading %s of %s to %s/releases/%s", counted(len(missing), "file"), f"{len(sizes):,}", url, run_id)

        def put(name: str) -> None:
            _put(system, files[name], f"{target}/{name}", problem)

        _side_by_side(put, missing, "upload", on_progress)
        if lacking := _missing(system, target, sizes, problem):  # somebody else took them away, or wrote something else
            raise StorageError(f"{problem}: {lacking[0]} is not as it was uploaded. Does another machine run this job?")
        transfers.patiently(lambda: _write(system, f"{target}/{RECORD}", record), problem)
    elif there != record:
        raise StorageError(f"{problem}: there is another release {run_id}. Does another machine run this job?")

    # Its name, and then the oldest.
    latest = f"{job.releases.name}/{run_id}"
    transfers.patiently(lambda: _write(system, f"{root}/{job.latest.name}", f"{latest}\n".encode()), problem)
    whole = [name for name, is_whole in _releases(system, root, problem).items() if is_whole and name != run_id]
    for name in history.over_keep(job, whole, keep):
        _remove(system, f"{root}/releases/{name}", problem)
    return {"release": f"{url}/{latest}", "latest": f"{url}/{job.latest.name}"}


def names(url: str, run_id: str) -> bool:
    """Whether a job's `latest`, at its URL, names the release of a run, and that is there."""
    system, root = urls.open_url(url)
    problem = f"cannot read {url}"
    named = _read(system, f"{root}/latest", problem)
    there = _read(system, f"{root}/releases/{run_id}/{RECORD}", problem)
    return named == f"releases/{run_id}\n".encode() and there is not None


def locate(path: str | Path, on_progress: OnProgress = no_report, *, anew: bool = False) -> Path:
    """The local folder of a release; of one that a URL names, a copy.

    Args:
        path: folder, path or URL, of a release or of a job's `latest`.
        on_progress: called with files fetched.
        anew: fetch the copy again even if there is one.

    Raises:
        ReleaseError: there is no release.
        StorageError: the store cannot be reached, or the copy cannot be written.
    """
    problem = f"cannot read {path}"
    is_remote = urls.is_url(path)
    system, folder = urls.open_url(path if is_remote else Path(path).resolve())
    try:
        info = transfers.patiently(lambda: system.info(folder), problem)
        if info["type"] == "file":  # `latest`, where no links can be
            content = _small(system, folder, info, MAX_LATEST_BYTES, problem)
            named = content.decode(errors="replace").strip()
            if not re.fullmatch(r"releases/[\w\-]+", named):
                raise ReleaseError(f"{path} is not a release: expected `releases/<run id>` in it, found {named[:80]!r}")
            folder = f"{PurePosixPath(folder).parent}/{named}"
        if not is_remote:
            return Path(folder)
        info = transfers.patiently(lambda: system.info(f"{folder}/{RECORD}"), problem)
        record = _small(system, f"{folder}/{RECORD}", info, MAX_BYTES, problem)
    except FileNotFoundError as error:
        if not is_remote and str(Path(path).resolve()) != folder:  # `latest` has moved on, and what it named is gone
            return locate(path, on_progress)
        raise ReleaseError(
            f"{path} is not a release: a release's folder has a {RECORD}, such as outputs/<job>/latest ({error})"
        ) from error
    # A release never changes, so that a copy is good as long as the store has the same record.
    copies = urls.cache_folder(system.unstrip_protocol(str(PurePosixPath(folder).parent)))
    copy = copies / PurePosixPath(folder).name
    with locks.waiting_lock(copies / "lock"):
        if anew or not (copy / RECORD).exists() or (copy / RECORD).read_bytes() != record:
            shutil.rmtree(copy, ignore_errors=True)
            _fetch(system, folder, copy, problem, on_progress)
        os.utime(copy)  # used today
        for other in copies.iterdir():
            if other.is_dir() and abs(time.time() - other.stat().st_mtime) > COPY_SECONDS:  # or the clock was wrong
                shutil.rmtree(other)
    return copy


def _small(system: Any, path: str, info: urls.Info, max_bytes: int, problem: str) -> bytes:
    """The content of a file that is known to be small.

    Raises:
        ReleaseError: it is not.
    """
    if (info.get("size") or 0) > max_bytes:
        raise ReleaseError(f"{problem}: {path} has {info['size']:,} bytes, and at most {max_bytes:,} are expected")
    return bytes(transfers.patiently(lambda: system.cat_file(path), problem))


def _fetch(system: Any, folder: str, copy: Path, problem: str, on_progress: OnProgress) -> None:
    listing = transfers.patiently(lambda: system.find(folder), problem)
    names = [str(path)[len(folder) + 1 :] for path in listing]
    if odd := [name for name in names if not can_stand(name)]:
        raise ReleaseError(f"{problem}: it contains a file that no release has, {odd[0]!r}")
    with storage.whole_folder(copy) as temporary:
        for parent in {temporary / PurePosixPath(name).parent for name in names}:
            parent.mkdir(parents=True, exist_ok=True)

        def get(name: str) -> None:
            try:
                transfers.patiently(lambda: system.get_file(f"{folder}/{name}", str(temporary / name)), problem)
            except FileNotFoundError as error:
                raise ReleaseError(f"{problem}: {name} was there a moment ago and is not now") from error

        _side_by_side(get, names, "fetch", on_progress)


def _releases(system: Any, root: str, problem: str) -> dict[str, bool]:
    """What is in the folder of releases, and whether it is one."""
    folders = transfers.patiently(lambda: _listed(system, f"{root}/releases"), problem)
    names = [PurePosixPath(path).name for path in folders]
    return {name: _read(system, f"{root}/releases/{name}/{RECORD}", problem) is not None for name in names}


def _listed(system: Any, folder: str) -> list[str]:
    system.invalidate_cache()
    try:
        return [str(entry["name"]).rstrip("/") for entry in system.ls(folder, detail=True)
                if entry["type"] == "directory"]  # fmt: skip
    except FileNotFoundError:
        return []


def _missing(system: Any, target: str, sizes: dict[str, int], problem: str) -> list[str]:
    """Files that the store does not have in their size."""
    system.invalidate_cache()
    listing = transfers.patiently(lambda: system.find(target, detail=True), problem)
    there = {str(path)[len(target) + 1 :]: info["size"] for path, info in listing.items()}
    return [name for name, size in sizes.items() if there.get(name) != size]


def _remove(system: Any, folder: str, problem: str) -> None:
    """Remove a release; first what makes it one, so that the rest is never taken for a release."""
    if _read(system, f"{folder}/{RECORD}", problem) is not None:
        transfers.remove(lambda: system.rm_file(f"{folder}/{RECORD}"), problem)
    system.invalidate_cache()
    transfers.remove(lambda: system.rm(folder, recursive=True), problem)


def _read(system: Any, path: str, problem: str) -> bytes | None:
    system.invalidate_cache()
    try:
        return bytes(transfers.patiently(lambda: system.cat_file(path), problem))
    except FileNotFoundError:
        return None


def _write(system: Any, path: str, content: bytes) -> None:
    _with_folder(system, path, lambda: system.pipe_file(path, content))


def _put(system: Any, file: Path, path: str, problem: str) -> None:
    transfers.patiently(lambda: _with_folder(system, path, lambda: system.put_file(str(file), path)), problem)


def _with_folder(system: Any, path: str, act: Callable[[], Any]) -> None:
    """Object stores need no folders; other file systems do."""
    try:
        act()
    except FileNotFoundError:
        above = PurePosixPath(path).parent
        if not system.exists(above.parts[0]):  # a bucket, which people make
            raise
        system.makedirs(str(above), exist_ok=True)
        act()


def _side_by_side(act: Callable[[str], Any], names: Iterable[str], stage: str, on_progress: OnProgress) -> None:
    with ThreadPoolExecutor(transfers.NUM_THREADS) as pool:
        futures = [pool.submit(act, name) for name in names]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                on_progress({"stage": stage, "done": done, "total": len(futures), "unit": "files"})
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
