"""A run that is killed takes Prefect's embedded server with it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil

from tests.conftest import DCGAN, write_job
from tests.prefect_server import wait_for


def test_killed_run_leaves_no_server_behind(environment: dict[str, str], tmp_path: Path) -> None:
    job = write_job(tmp_path)
    named = {name: value for name, value in environment.items() if name != "PREFECT_API_URL"}
    with subprocess.Popen([*DCGAN, "run", str(job)], env=named, stderr=subprocess.DEVNULL) as process:
        wait_for("the run", lambda: list((tmp_path / "outputs").glob("tiny/runs/*/run.json")))
        children = psutil.Process(process.pid).children(recursive=True)
        servers = [child for child in children if "prefect.server.api.server:create_app" in child.cmdline()]
        os.kill(process.pid, signal.SIGKILL)
    assert servers
    gone, alive = psutil.wait_procs(children, timeout=30)
    assert not alive and set(servers) <= set(gone)
