"""A night: what it finds when it opens."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from dcgan.config import load_job
from dcgan.execution.temporary import PREFIX
from dcgan.pipeline.night import opened
from tests.conftest import write_job


def test_what_killed_processes_left_is_removed_by_a_run_that_starts_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    with opened(load_job(write_job(tmp_path))):
        assert not left.exists()
