"""The lower rooms import nothing of the upper ones, and reading a job file starts and shows nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dcgan

ROOT = Path(str(dcgan.__file__)).parent


def imported_by(module: str) -> set[str]:
    """The modules that a fresh interpreter has after importing one."""
    script = f"import sys, {module}; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def modules_of(room: str) -> list[str]:
    files = sorted((ROOT / room).glob("*.py"))
    return [f"dcgan.{room}.{file.stem}" for file in files if file.stem != "__init__"]


def test_reading_a_job_file_needs_no_terminal_no_processes_and_no_arrays() -> None:
    unwanted = {"dcgan.execution.pool", "dcgan.cli", "rich", "prefect", "tensorflow", "matplotlib", "pandas", "numpy"}
    assert not imported_by("dcgan.config") & unwanted


@pytest.mark.parametrize(("room", "below"), [("execution", ()), ("files", ("execution",))])
def test_lower_rooms_import_only_what_is_below_them(room: str, below: tuple[str, ...]) -> None:
    allowed = tuple(f"dcgan.{name}" for name in (room, *below))
    for module in modules_of(room):
        ours = {name for name in imported_by(module) if name.startswith("dcgan.")} - {"dcgan.errors"}
        assert all(name.startswith(allowed) for name in ours), f"{module} imports {sorted(ours)}"
