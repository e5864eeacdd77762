"""Stateless randomness: every draw is a function of (job seed, class, purpose, index or step).

Nothing here keeps state, so nothing has to be saved for a resume, and the candidate with index i is the
same whatever the batch size, the shard or the worker that makes it.
"""

from __future__ import annotations

import hashlib

import numpy as np


def key(seed: int, label: str, purpose: str) -> int:
    """The 64-bit key of one stream of draws.

    Args:
        seed: the job's seed.
        label: class name, or "" for draws that belong to no class.
        purpose: what is drawn ("latent", "batch", ...); streams of different purposes are independent.
    """
    text = f"{seed}\x00{label}\x00{purpose}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little")


def stream(seed: int, label: str, purpose: str) -> int:
    """The same key in 63 bits: with a step beside it, the seed of TensorFlow's stateless draws (two int64)."""
    return key(seed, label, purpose) >> 1


def generator(seed: int, label: str, purpose: str, index: int = 0) -> np.random.Generator:
    """A NumPy generator for block `index` of a stream: Philox keyed by the stream, counting from the block.

    Philox is counter-based (Salmon et al. 2011), so that block i costs nothing to reach.
    """
    return np.random.Generator(np.random.Philox(key=key(seed, label, purpose), counter=[0, 0, 0, index]))
