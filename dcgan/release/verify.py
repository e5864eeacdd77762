"""Verification: every byte of a release against its checksums."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from dcgan import storage
from dcgan.errors import ReleaseError
from dcgan.outcome import released
from dcgan.progress import OnFiles, no_report
from dcgan.release.reader import load_release
from dcgan.release.remote import locate
from dcgan.terminal import counted

NUM_THREADS = 4  # hashing lets go of the interpreter's lock
MAX_TOLD = 10  # problems that the message lists


def verify(path: str | Path, on_progress: OnFiles = no_report) -> int:
    """Check that a release is whole and unchanged, and that manifest, files and counts agree.

    Args:
        path: folder of the release, or `latest`; what a URL names is fetched again.
        on_progress: called with files checked and files in all.

    Returns:
        The number of files checked.

    Raises:
        ReleaseError: naming the first problems found.
    """
    release = load_release(locate(path, anew=True))
    wanted: dict[str, str] = release.record["files"]
    found = {file.relative_to(release.path).as_posix() for file in release.path.rglob("*") if file.is_file()}
    problems = [f"{name} is missing" for name in sorted(set(wanted) - found)]
    problems += [f"{name} does not belong to the release" for name in sorted(found - set(wanted) - {"release.json"})]

    present = sorted(set(wanted) & found)
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        for done, (name, actual) in enumerate(
            zip(present, pool.map(lambda name: storage.sha256(release.path / name), present), strict=True), start=1
        ):
            if actual != wanted[name]:
                problems.append(f"{name} has changed: sha256 {actual}, expected {wanted[name]}")
            on_progress(done, len(present))
    if not problems:  # the manifest can be trusted, so hold it against the files and the counts
        problems = _disagreements(release.manifest, release.record["classes"], wanted)
    if problems:
        more = f"\n  ... and {len(problems) - MAX_TOLD} more" if len(problems) > MAX_TOLD else ""
        told = "\n  ".join(problems[:MAX_TOLD])
        raise ReleaseError(f"{path} is not as it was released ({counted(len(problems), 'problem')}):\n  {told}{more}")
    return len(present)


def _disagreements(manifest: pd.DataFrame, classes: dict[str, dict[str, object]], files: dict[str, str]) -> list[str]:
    rows = dict(zip(manifest["path"], manifest["image_sha256"], strict=True))
    images = {name: checksum for name, checksum in files.items() if name.startswith("images/")}
    problems = [f"{name}: manifest and release.json disagree" for name in sorted(rows.items() ^ images.items())]
    counts = manifest["label"].value_counts()
    for label, entry in classes.items():
        expected = released(entry)
        if counts.get(label, 0) != expected:
            problems.append(f"class {label!r} has {counts.get(label, 0)} images in the manifest, expected {expected}")
    return problems
