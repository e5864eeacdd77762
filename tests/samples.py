"""Small pictures, no two alike, for tests that ask about files and not about what is on them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dcgan.config import DataConfig
from dcgan.data.catalogue.listing import list_source
from dcgan.data.catalogue.sources import Source
from dcgan.errors import InputError


def noise(number: int, height: int = 12, width: int = 10, channels: int = 3) -> np.ndarray:
    """Picture `number`: uint8 (height, width) when `channels` is 1, else (height, width, channels)."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(number).integers(0, 256, shape, np.uint8)


def write_noise(file: Path, number: int, height: int = 12, width: int = 10, channels: int = 3) -> Path:
    """Picture `number` in a file of any kind that Pillow writes, its folders made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(number, height, width, channels)).save(file)
    return file


def write_classes(root: Path, counts: Mapping[str, int], first: int = 0) -> Path:
    """A folder per class with so many pictures, numbered on from `first`."""
    number = first
    for label, count in counts.items():
        (root / label).mkdir(parents=True, exist_ok=True)
        for position in range(count):
            write_noise(root / label / f"{position:03d}.png", number)
            number += 1
    return root


def tree_hash(root: Path) -> dict[str, tuple[str, int]]:
    """Content and time of last change of every file below a folder: what must stay when nothing may be written."""
    return {
        path.relative_to(root).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def source_of(path: Path, **data: Any) -> Source:
    """A source, listed; `data` are keys of the job's `data`."""
    return list_source(DataConfig(source=str(path), **data))


def listed(path: Path, **data: Any) -> dict[str, tuple[str, str, str]]:
    """Label, split and problem of a source's entries, by path."""
    return {entry.path: (entry.label, entry.split, entry.problem) for entry in source_of(path, **data).entries}


def refusal(path: Path, **data: Any) -> str:
    """What is said of a source that cannot be listed."""
    with pytest.raises(InputError) as refused:
        source_of(path, **data)
    return str(refused.value)
