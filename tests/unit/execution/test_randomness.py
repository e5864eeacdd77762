"""Draws are functions of seed, class, purpose and index, and of nothing else."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dcgan.execution import randomness

seeds = st.integers(0, 2**63 - 1)
names = st.text(max_size=8)


@given(seeds, names, names)
def test_keys_fit_64_bits_and_streams_63(seed: int, label: str, purpose: str) -> None:
    assert 0 <= randomness.key(seed, label, purpose) < 2**64
    assert 0 <= randomness.stream(seed, label, purpose) < 2**63


def test_seed_class_and_purpose_each_make_another_key_and_do_not_run_together() -> None:
    alone = [(1, "a", "b"), (2, "a", "b"), (1, "b", "b"), (1, "a", "c")]
    draws = [*alone, (1, "ab", ""), (1, "", "ab"), (11, "", "a"), (1, "1", "a")]
    assert len({randomness.key(*draw) for draw in draws}) == len(draws)


@given(seeds, st.integers(0, 2**63))
def test_same_block_is_the_same_draw_whatever_was_drawn_before(seed: int, index: int) -> None:
    first = randomness.generator(seed, "cat", "latent", index).standard_normal(50)
    randomness.generator(seed, "cat", "latent", index + 1).standard_normal(7)
    np.testing.assert_array_equal(randomness.generator(seed, "cat", "latent", index).standard_normal(50), first)


def test_neighbouring_blocks_share_no_draw() -> None:
    blocks = [randomness.generator(0, "cat", "latent", index).standard_normal(10_000) for index in range(3)]
    assert len(np.unique(np.concatenate(blocks))) == 30_000


def test_draws_do_not_depend_on_the_process() -> None:
    script = (
        "from dcgan.execution import randomness as r; print(r.generator(7, 'é', 'latent', 3).integers(0, 2**40, 5))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script], env=os.environ | {"PYTHONHASHSEED": str(n)}, capture_output=True, check=True
        ).stdout
        for n in (1, 2)
    }
    assert outputs == {f"{randomness.generator(7, 'é', 'latent', 3).integers(0, 2**40, 5)}\n".encode()}
