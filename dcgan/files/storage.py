"""Files that are whole or not there: atomic writes, checksums and the room left on a disk."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dcgan.errors import StorageError

TEMPORARY_PREFIX = ".tmp-"  # never finished; whoever has the job's lock may delete it


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_bytes(content: bytes) -> str:
    """SHA-256 of bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a rename is on the disk only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file so that its name only ever shows the whole of it.

    Args:
        path: where the file will stand; its folder is made when missing.
        write: called with a binary file opened for writing under a temporary name beside `path`.

    Raises:
        StorageError: when the system refuses, with its reason (no room, no permission).
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)  # there only when something went wrong, whatever it was


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically."""
    write_atomic(path, lambda file: file.write(content))


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, content.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; keys keep their order, non-ASCII stays readable."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        StorageError: when the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot read {path}: {error}") from error


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays by name as `.npz` content, never pickled; the same arrays give the same bytes."""
    if objects := [name for name, array in arrays.items() if array.dtype.hasobject]:
        raise ValueError(f"array {objects[0]!r} contains objects, which could only be pickled")
    buffer = io.BytesIO()
    # Before NumPy 2.2, `allow_pickle=False` would be one more array.
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack_arrays(content: bytes) -> dict[str, np.ndarray]:
    """Undo `pack_arrays`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def link(source: Path, target: Path) -> None:
    """Give a finished file a second name; a copy if the file system has no hard links."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def link_tree(source: Path, target: Path, leave_out: Sequence[str] = ()) -> None:
    """`link` every file below a folder to below another, which exists.

    Args:
        source: folder.
        target: folder.
        leave_out: names in `source` itself that are passed over.
    """
    for path in source.iterdir():
        if path.name in leave_out or path.name.startswith(TEMPORARY_PREFIX):
            continue
        if path.is_dir():
            (target / path.name).mkdir()
            link_tree(path, target / path.name)
        else:
            link(path, target / path.name)


def replace_symlink(link: Path, target: str) -> None:
    """Point `link` at `target` in one step: a reader sees the old target or the new one, never none."""
    temporary = link.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{link.name}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    os.replace(temporary, link)
    sync_folder(link.parent)


def remove_unfinished(folder: Path) -> None:
    """Delete what a killed process left under temporary names in a folder (not below it)."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def require_room(folder: Path, num_bytes: int) -> None:
    """Refuse to begin work that the disk has no room for.

    Raises:
        StorageError: when fewer than `num_bytes` are free where `folder` stands.
    """
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise StorageError(
            f"{folder}: {free / 1e6:,.0f} MB free, but this run needs about {num_bytes / 1e6:,.0f} MB. "
            "Free some room, ask for fewer images, or set outputs.root to another disk."
        )


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the name `folder` only when the block ends well.

    Raises:
        StorageError: when the system refuses to write, with its reason.
    """
    temporary = folder.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{folder.name}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        sync_tree(temporary)
        os.replace(temporary, folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise StorageError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Make all files below a folder, and their names, durable."""
    for path, _, names in os.walk(folder):
        for name in names:
            descriptor = os.open(os.path.join(path, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(path))
