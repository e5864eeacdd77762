"""Who reads a release waits for no library that makes one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.release.conftest import KINDS

READ = """
import sys
import dcgan
from dcgan.release.verify import verify
release = dcgan.load_release(sys.argv[1], verify=True)
assert len(release.manifest) == len(release.arrays()[0]) > 0
assert release.config.name and verify(sys.argv[1])
heavy = {"prefect", "tensorflow", "keras", "matplotlib", "jinja2"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_reader_imports_nothing_that_only_jobs_need(releases: dict[str, Path], kind: str) -> None:
    subprocess.run([sys.executable, "-c", READ, str(releases[kind])], check=True)
