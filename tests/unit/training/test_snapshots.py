"""Snapshots: the newest whole one is what training goes on from."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from dcgan.training import snapshots


def save(folder: Path, step: int) -> None:
    snapshots.save(folder, step, {"generator/a": np.full(100, step, np.float32)}, f"step {step}")


def loaded(folder: Path) -> int | None:
    """Step of the newest whole snapshot, read from its arrays."""
    found = snapshots.load_newest(folder)
    if found is None:
        return None
    arrays, record = found
    assert set(arrays) == {"generator/a"} and record == f"step {arrays['generator/a'][0]:.0f}"
    return int(arrays["generator/a"][0])


def test_newest_is_loaded_and_only_two_are_kept(tmp_path: Path) -> None:
    assert loaded(tmp_path) is None
    for step in (5, 10, 100, 1000):
        save(tmp_path, step)
        assert loaded(tmp_path) == step
    assert [path.name[:13] for path in sorted(tmp_path.iterdir())] == ["step-00000100", "step-00001000"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_damaged_newest_is_told_of_and_the_one_before_is_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    save(tmp_path, 5)
    save(tmp_path, 10)
    newest = max(tmp_path.iterdir())
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(bytes({"cut": content[:-30], "flipped": content, "empty": b""}[damage]))
    with caplog.at_level(logging.WARNING):
        assert loaded(tmp_path) == 5
    assert newest.name in caplog.text and "going back to the one before" in caplog.text
    assert not newest.exists()


def test_nothing_is_loaded_when_every_snapshot_is_damaged(tmp_path: Path) -> None:
    save(tmp_path, 5)
    save(tmp_path, 10)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert loaded(tmp_path) is None


def test_unfinished_and_foreign_files_are_no_snapshots(tmp_path: Path) -> None:
    save(tmp_path, 5)
    for name in (".tmp-1-step-00000010-0.npz", "step-00000010.npz", "step-last.npz"):
        (tmp_path / name).write_bytes(b"x")
    assert loaded(tmp_path) == 5
    assert len(list(tmp_path.iterdir())) == 4
