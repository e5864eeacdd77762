"""Snapshots: training state that resumes exactly.

A snapshot is one `.npz` file named `step-<step>-<checksum>.npz`: the name carries the first half of the SHA-256 of
the content, so that state and checksum appear in one rename. Arrays only, never pickle.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dcgan.files import storage

RECORD = "record.json"  # no array of a network has this name
KEPT = 2  # the newest, and the one before in case the newest is damaged

_NAME = re.compile(r"step-(\d{8})-([0-9a-f]{32})\.npz")

log = logging.getLogger(__name__)


def save(folder: Path, step: int, arrays: Mapping[str, np.ndarray], record: str) -> None:
    """Write a snapshot, then remove all but the newest `KEPT`.

    Args:
        folder: of the training.
        step: a number that grows from snapshot to snapshot.
        arrays: by name.
        record: what else belongs to the state, as text such as JSON.
    """
    content = storage.pack_arrays({**arrays, RECORD: np.frombuffer(record.encode(), np.uint8)})
    storage.write_bytes(folder / f"step-{step:08d}-{_checksum(content)}.npz", content)
    for old in _newest_first(folder)[KEPT:]:
        old.unlink()


def load_newest(folder: Path) -> tuple[dict[str, np.ndarray], str] | None:
    """The newest snapshot that is not damaged: arrays and record, or None. A damaged one is reported and removed."""
    if (path := newest(folder)) is None:
        return None
    arrays = storage.unpack_arrays(path.read_bytes())
    return arrays, arrays.pop(RECORD).tobytes().decode()


def newest(folder: Path) -> Path | None:
    """The file of the newest snapshot that is not damaged, or None. A damaged one is reported and removed."""
    for path in _newest_first(folder):
        match = _NAME.fullmatch(path.name)
        assert match
        if _checksum(path.read_bytes()) == match[2]:
            return path
        log.warning("snapshot %s is damaged and was removed: going back to the one before", path)
        path.unlink()
    return None


def superseded(folder: Path) -> list[Path]:
    """All snapshots but the newest."""
    return _newest_first(folder)[1:]


def newest_file(folder: Path) -> Path | None:
    """The file of the newest snapshot, whole or damaged."""
    return next(iter(_newest_first(folder)), None)


def _newest_first(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("step-*.npz") if _NAME.fullmatch(path.name)), reverse=True)


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
