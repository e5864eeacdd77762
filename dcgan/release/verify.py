"""Verification: every byte of a release against its checksums.

`release.sha256` vouches for `release.json`, this for the manifest and all other files, the manifest for each image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from dcgan.errors import ReleaseError
from dcgan.execution.progress import OnProgress, no_report
from dcgan.files import storage
from dcgan.release import formats, rows
from dcgan.release.contents import Contents, open_release
from dcgan.release.folder import Folder, Kind
from dcgan.release.images import MAX_TEXT_BYTES, require_shape
from dcgan.release.record import MANIFEST, MAX_BYTES, RECORD, SUMS
from dcgan.text import counted

PER_CHUNK = 256  # files that a thread checks before it comes back for more
MAX_LISTED = 10  # problems that the message lists
MAX_SUMS_BYTES = 1000  # of release.sha256: a line
MAX_OTHER_BYTES = 2**31  # of the report, the card, a model: the largest network's has 1.5 GB


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
    return check(open_release(path, Contents, on_progress, anew=True), path, on_progress)


def check(release: Contents, called: str | Path, on_progress: OnProgress = no_report) -> int:
    """`verify` of a release that is open, and that messages call by the name that the user gave."""
    wanted: dict[str, str] = release.record.files | {RECORD: _recorded(release.folder)}
    problems: list[str] = []
    images: dict[str, str] | None = None  # None: the manifest is not as it was released, so that nobody knows
    manifest_as_released = _sha256(release, MANIFEST) == wanted[MANIFEST]
    if manifest_as_released:
        try:
            images = dict(zip(release.manifest["path"], release.manifest["image_sha256"], strict=True))
        except ReleaseError as error:
            problems.append(f"{error}; no image could be checked")
    wanted |= {path: checksum for path, checksum in (images or {}).items() if formats.IN_SHARD not in path}

    # What is there: all that must be, as plain files and folders, and nothing else.
    folders = {parent.as_posix() for path in wanted for parent in PurePosixPath(path).parents if parent.name}
    folders |= {"models"}  # which stands without a model, too
    found = _found(release.folder, folders)
    if images is None:  # without their checksums, images cannot be distinguished from what does not belong
        found.pop("images", None)
    problems += [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    for name, kind in sorted(found.items()):
        expected = "file" if name in wanted or name == SUMS else "folder" if name in folders else ""
        if not expected:
            problems.append(f"{name}{'/' if kind == 'folder' else ''} does not belong to the release")
        elif kind != expected:
            problems.append(f"{name} is a {kind}, expected a plain {expected}")

    # Whether it is as it was.
    present = sorted(name for name in wanted if found.get(name) == "file")
    for name, problem in _changes(release, present, wanted, on_progress):
        problems.append(f"{name} {problem}")
    if not manifest_as_released:
        problems = [f"{one}; no image could be checked" if one.startswith(MANIFEST) else one for one in problems]
    if not problems:  # the shards and the manifest can be trusted, so hold them against each other
        problems = list(_disagreements(release))
    if problems:
        more = f"\n  ... and {len(problems) - MAX_LISTED} more" if len(problems) > MAX_LISTED else ""
        listed = "\n  ".join(problems[:MAX_LISTED])
        raise ReleaseError(
            f"{called} is not as it was released ({counted(len(problems), 'problem')}):\n  {listed}{more}"
        )
    return len(present)


def missing(path: Path) -> str:
    """What a release lacks of what was released, the first that is found; "" when it is all there.

    A look at the names, and at the checksums of the record and the manifest: damage inside an image is for `verify`.
    """
    try:
        release = Contents(path)
        if _recorded(release.folder) != _sha256(release, RECORD):
            return f"{path / RECORD} has changed"
        if release.record.files[MANIFEST] != _sha256(release, MANIFEST):
            return f"{path / MANIFEST} has changed"
        wanted = {*release.record.files, *release.manifest["path"]}
    except (ReleaseError, OSError, ValueError) as error:
        return str(error)
    files = {name for name in wanted if formats.IN_SHARD not in name}
    folders = {parent.as_posix() for name in files for parent in PurePosixPath(name).parents if parent.name}
    found = _found(release.folder, folders)
    return next((name for name in sorted(files) if found.get(name) != "file"), "")


def _recorded(folder: Folder) -> str:
    """The checksum of `release.json` in `release.sha256`; else what is wrong with that file."""
    try:
        checksum, _, name = folder.read(SUMS, MAX_SUMS_BYTES).decode("ascii").strip().partition("  ")
    except FileNotFoundError:
        return f"what {SUMS} says, which is missing"
    except (OSError, ValueError) as error:
        return f"what {SUMS} says, which cannot be read: {error}"
    return checksum if name == RECORD else f"what {SUMS} says, which has no line of it"


def _found(folder: Folder, folders: set[str]) -> dict[str, Kind]:
    """What is in a release, by path: directly in it, and in some of its folders."""
    found: dict[str, Kind] = {}
    for within in ("", *sorted(folders)):
        if not within or found.get(within) == "folder":
            found |= {f"{within}/{name}" if within else name: kind for name, kind in folder.entries(within)}
    return found


def _changes(
    release: Contents, names: Sequence[str], wanted: Mapping[str, str], on_progress: OnProgress
) -> Iterator[tuple[str, str]]:
    """Files that are not as they were, and how, read by several threads, some files at a time."""

    def changes(chunk: Sequence[str]) -> list[tuple[str, str]]:
        found = ((name, _change(release, name, wanted[name])) for name in chunk)
        return [(name, change) for name, change in found if change]

    chunks = [names[first : first + PER_CHUNK] for first in range(0, len(names), PER_CHUNK)]
    done = 0
    with ThreadPoolExecutor(release.images.num_threads) as pool:
        for chunk, found in zip(chunks, pool.map(changes, chunks), strict=True):
            yield from found
            done += len(chunk)
            on_progress({"stage": "verify", "done": done, "total": len(names), "unit": "files"})


def _change(release: Contents, name: str, expected: str) -> str:
    """How a file is not as it was; "" when it is."""
    try:
        if not name.startswith("images/"):
            actual = release.folder.sha256(name, _max_bytes(release, name))
        else:
            png = release.folder.read(name, release.images.max_bytes)
            actual = storage.sha256_bytes(png)
            if actual == expected:
                require_shape(png, release.image_shape)
    except (OSError, ValueError) as error:
        return f"is not a file of the release: {error}"
    return "" if actual == expected else f"has changed: sha256 {actual}, expected {expected}"


def _max_bytes(release: Contents, name: str) -> int:
    """The most bytes that a file other than an image can have, so that no more is read of a stranger's."""
    if name == RECORD:
        return MAX_BYTES
    if name.startswith(("manifest.", "metadata.")):
        return rows.max_bytes(release.record)
    if name.startswith("shards/"):
        return release.num_images * (release.images.max_bytes + MAX_TEXT_BYTES) + MAX_OTHER_BYTES
    return MAX_OTHER_BYTES


def _sha256(release: Contents, name: str) -> str:
    """A file's checksum; "" when it cannot be read."""
    try:
        return release.folder.sha256(name, _max_bytes(release, name))
    except OSError:
        return ""


def _disagreements(release: Contents) -> Iterator[str]:
    """Where shards and manifest do not say the same."""
    manifest = release.manifest
    shards = manifest["path"].str.partition(formats.IN_SHARD)
    for shard in formats.shards_among(release.record.files):
        of_shard = manifest[shards[0] == shard]
        names = [*shards.loc[of_shard.index, 2]]
        if shard.endswith(formats.SUFFIXES["webdataset"]):
            names = [name for png in names for name in (png, f"{png.removesuffix('.png')}.cls")]
        try:
            if release.images.names_in(shard) != names:
                yield f"{shard}: it does not hold the manifest's images"
                continue
            described = release.images.described(of_shard["path"])
            for row, (png, said) in zip(of_shard.to_dict("records"), described, strict=True):
                if storage.sha256_bytes(png) != row["image_sha256"]:
                    yield f"{row['path']}: the image is not the manifest's"
                elif odd := [column for column, value in said.items() if row[column] != value]:
                    yield f"{row['path']}: {odd[0]} is {said[odd[0]]!r} there, and {row[odd[0]]!r} in the manifest"
                else:
                    require_shape(png, release.image_shape)
        except (ReleaseError, ValueError) as error:
            yield f"{shard}: {error}"
