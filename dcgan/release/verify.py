"""Verification: every byte of a release against its checksums.

`release.sha256` vouches for `release.json`, this for the manifest and all other files, the manifest for each image.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq

from dcgan.errors import ReleaseError, StorageError
from dcgan.execution.progress import OnProgress, no_report
from dcgan.files import storage
from dcgan.release import formats
from dcgan.release.reader import Release, load_release
from dcgan.release.remote import locate
from dcgan.run.outcome import released
from dcgan.text import counted

NUM_THREADS = 4  # hashing lets go of the interpreter's lock
PER_CHUNK = 256  # files that a thread checks before it comes back for more
MAX_TOLD = 10  # problems that the message lists
RECORD, SUMS, MANIFEST = "release.json", "release.sha256", "manifest.parquet"


def verify(path: str | Path, on_progress: OnProgress = no_report) -> int:
    """Check that a release is whole and unchanged, and that manifest, images and counts agree.

    Args:
        path: folder of the release, or `latest`; what a URL names is fetched again.
        on_progress: called with files fetched, and with files checked.

    Returns:
        The number of files checked.

    Raises:
        ReleaseError: naming the first problems found.
    """
    release = load_release(locate(path, on_progress, anew=True))
    found = set(_files_below(release.path))
    wanted: dict[str, str] = release.record["files"] | {RECORD: _recorded(release.path / SUMS)}
    rows: dict[str, str] = {}
    manifest_as_released = MANIFEST in found and storage.sha256(release.path / MANIFEST) == wanted.get(MANIFEST)
    if manifest_as_released:
        table = pq.read_table(release.path / MANIFEST, columns=["path", "image_sha256"])
        rows = dict(zip(table["path"].to_pylist(), table["image_sha256"].to_pylist(), strict=True))
        wanted |= {path: checksum for path, checksum in rows.items() if formats.IN_SHARD not in path}
    else:  # without their checksums, images cannot be told from what does not belong
        found = {name for name in found if not name.startswith("images/")}

    problems = [f"{name} is missing" for name in sorted(set(wanted) - found)]
    problems += [f"{name} does not belong to the release" for name in sorted(found - set(wanted) - {SUMS})]
    present = sorted(set(wanted) & found)
    for name, actual in _checksums(release.path, present, on_progress):
        if actual != wanted[name]:
            problems.append(f"{name} has changed: sha256 {actual}, expected {wanted[name]}")
    if not manifest_as_released:
        problems = [f"{told}; no image could be checked" if told.startswith(MANIFEST) else told for told in problems]
    if not problems:  # the shards and the manifest can be trusted, so hold them against each other and the counts
        problems = [*_disagreements(release, rows), *_miscounts(release)]
    if problems:
        more = f"\n  ... and {len(problems) - MAX_TOLD} more" if len(problems) > MAX_TOLD else ""
        told = "\n  ".join(problems[:MAX_TOLD])
        raise ReleaseError(f"{path} is not as it was released ({counted(len(problems), 'problem')}):\n  {told}{more}")
    return len(present)


def missing(folder: Path) -> str:
    """What a release lacks of what was released, the first that is found; "" when it is all there.

    A look at the names, and at the checksums of the record and the manifest: damage inside an image is for `verify`.
    """
    try:
        record = storage.read_json(folder / RECORD)
        if _recorded(folder / SUMS) != storage.sha256(folder / RECORD):
            return f"{folder / RECORD} has changed"
        if record["files"][MANIFEST] != storage.sha256(folder / MANIFEST):
            return f"{folder / MANIFEST} has changed"
        paths = pq.read_table(folder / MANIFEST, columns=["path"])["path"].to_pylist()
    except (StorageError, OSError, KeyError) as error:
        return str(error)
    wanted = {*record["files"], *(path for path in paths if formats.IN_SHARD not in path)}
    return next(iter(sorted(wanted - set(_files_below(folder)))), "")


def _recorded(sums: Path) -> str:
    """The checksum of `release.json` that stands in `release.sha256`; else what is wrong with that file."""
    try:
        checksum, _, name = sums.read_text(encoding="ascii").strip().partition("  ")
    except FileNotFoundError:
        return f"what {SUMS} says, which is missing"
    except (OSError, ValueError) as error:
        return f"what {SUMS} says, which cannot be read: {error}"
    return checksum if name == RECORD else f"what {SUMS} says, which has no line of it"


def _files_below(folder: Path, prefix: str = "") -> Iterator[str]:
    """Paths of all files below a folder, relative to it, with `/`."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(Path(entry.path), f"{name}/")
            else:
                yield name


def _checksums(folder: Path, names: Sequence[str], on_progress: OnProgress) -> Iterator[tuple[str, str]]:
    """Each file's name and SHA-256, read by several threads, some files at a time."""
    chunks = [names[first : first + PER_CHUNK] for first in range(0, len(names), PER_CHUNK)]
    done = 0
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        for chunk in pool.map(lambda chunk: [(name, storage.sha256(folder / name)) for name in chunk], chunks):
            yield from chunk
            done += len(chunk)
            on_progress({"stage": "verify", "done": done, "total": len(names), "unit": "files"})


def _disagreements(release: Release, rows: Mapping[str, str]) -> list[str]:
    """Images in shards that are not those of the manifest."""
    paths = [path for path in rows if formats.IN_SHARD in path]
    problems = []
    for positions in formats.batches(paths):
        chosen = [paths[position] for position in positions]
        for path, png in zip(chosen, release.images.pngs(chosen), strict=True):
            if storage.sha256_bytes(png) != rows[path]:
                problems.append(f"{path}: the image is not the manifest's")
    return problems


def _miscounts(release: Release) -> list[str]:
    counts = release.manifest["label"].value_counts()
    return [
        f"class {label!r} has {counts.get(label, 0)} images in the manifest, expected {released(entry)}"
        for label, entry in release.record["classes"].items()
        if counts.get(label, 0) != released(entry)
    ]
