"""What tests of hostile releases begin with: an honest release to be changed, and a process that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import victim as victims
from tests.forging import copy
from tests.victim import Victim


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The honest release, to be changed and sealed."""
    return copy(tmp_path / "release")


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    """A process that reads what it is told to."""
    with victims.victim() as process:
        yield process
