"""Lineage: which real images a network has seen, each by the first 64 bits of the SHA-256 of its pixels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

BYTES = 8  # of an image in a file


def codes(digests: Iterable[str]) -> np.ndarray:
    """Images as numbers, given the SHA-256 of each one's pixels in hex: uint64 (n,), in the same order."""
    return np.array([int(digest[:16], 16) for digest in digests], np.uint64)


def to_bytes(images: np.ndarray) -> bytes:
    """Images as numbers, uint64 (n,), as they are kept in a file: eight bytes each, the lowest first."""
    return images.astype("<u8").tobytes()


def from_bytes(content: bytes) -> np.ndarray:
    """Undo `to_bytes`.

    Raises:
        ValueError: it has not eight bytes for each.
    """
    return np.frombuffer(content, "<u8").astype(np.uint64)
