"""One release in each of its forms, and programs that know nothing of this project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from dcgan.release import formats
from dcgan.release.publish import publish
from tests.unit.conftest import Made, make_run

KINDS = ["files", "tfrecord", "webdataset"]


def release_of(made: Made) -> Path:
    """A run's release."""
    return publish(made.run, made.config, made.outcome)


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A release of each form, of the same images; in three shards where there are shards. No test may change them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(formats, "PER_SHARD", 5)
        return {kind: release_of(make_run(tmp_path_factory.mktemp(kind), kind=kind)) for kind in KINDS}


def outside(code: str, *arguments: str | Path) -> Any:
    """What a program in a process of its own prints as JSON in its last line, without this project or a network."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with tempfile.TemporaryDirectory() as home:  # libraries keep what they read below it
        environment = os.environ | {"HOME": home, "HF_HUB_OFFLINE": "1", "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
