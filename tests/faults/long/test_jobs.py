"""Ten jobs at once on one Prefect server, night after night: all end well, and the server does not grow."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from dcgan.release.verify import verify
from tests.conftest import BRIEF, DCGAN, write_digits, write_job
from tests.faults.long.house import DEADLINE_SECONDS
from tests.prefect_server import Server

pytestmark = pytest.mark.long

NUM_JOBS = 10
NUM_NIGHTS = 4
MEMORY_MB = 20  # that the server may take more after each night than after the one before


def test_ten_jobs_on_one_server(prefect_server: Server, tmp_path: Path) -> None:
    assert prefect_server.process is not None
    server = psutil.Process(prefect_server.process.pid)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    write_digits(tmp_path / "images", {0: 60, 1: 50, 7: 90})
    jobs = []
    for number in range(NUM_JOBS):
        root = tmp_path / f"job-{number}"
        root.mkdir()
        jobs.append(write_job(root, **BRIEF | {"name": f"job-{number}", "data": {"source": "../images"}}))
    found: list[dict[str, Any]] = []
    for night in range(NUM_NIGHTS):
        environment = prefect_server.environment | {"TMPDIR": str(temporary)}
        command = [*DCGAN, "run", "--fresh", f"--set=generation.seed={night}"]
        with (tmp_path / "log").open("a") as log:
            running = [subprocess.Popen([*command, str(job)], env=environment, stdout=log, stderr=log) for job in jobs]
        try:
            statuses = [process.wait(DEADLINE_SECONDS) for process in running]
        finally:
            for process in running:
                process.kill()
        assert set(statuses) <= {0, 3}, (tmp_path / "log").read_text()[-3000:]
        for number, job in enumerate(jobs):
            outputs = job.parent / "outputs" / f"job-{number}"
            verify(outputs / "latest")
            assert len(list((outputs / "releases").iterdir())) == night + 1
        assert not list(temporary.iterdir())
        with server.oneshot():
            memory = server.memory_info().rss // 2**20
            found.append({"memory": memory, "threads": server.num_threads(), "descriptors": server.num_fds()})
    print(found)
    first, last = found[1], found[-1]  # the first night opens connections that stay
    assert last["memory"] - first["memory"] <= MEMORY_MB * (NUM_NIGHTS - 2), found
    assert last["threads"] <= first["threads"] + 2 and last["descriptors"] <= first["descriptors"] + 5, found
