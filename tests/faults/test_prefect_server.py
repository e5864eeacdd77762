"""Servers that die, do not start, or are called by strangers: a run tells, and comes to its own end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import BRIEF, DCGAN, write_job
from tests.prefect_server import Server, wait_for
from tests.small_disk import small_disk


@contextmanager
def running(job: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A run that is past its start."""
    command = [*DCGAN, "run", str(job), "--json"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for("the run", lambda: list((job.parent / "outputs").glob("tiny/runs/*/run.json")))
            yield process
        finally:
            process.kill()


def embedded_server(run: subprocess.Popen[str]) -> psutil.Process:
    children = psutil.Process(run.pid).children(recursive=True)
    [server] = [child for child in children if "prefect.server.api.server:create_app" in child.cmdline()]
    return server


@dataclass
class Bereft:
    """A run whose server was killed with SIGKILL in the middle of it."""

    status: int
    summary: dict[str, Any]
    stderr: str
    seconds: float
    """From the release to the end of the process."""
    job: Path


def bereave(run: subprocess.Popen[str], job: Path, server_pid: int) -> Bereft:
    wait_for("the judge", lambda: list((job.parent / "outputs").glob("tiny/runs/*/judge")))
    os.kill(server_pid, signal.SIGKILL)
    wait_for("the release", (job.parent / "outputs" / "tiny" / "latest").exists)
    begin = time.monotonic()
    stdout, stderr = run.communicate(timeout=300)
    return Bereft(run.returncode, json.loads(stdout), stderr, time.monotonic() - begin, job)


def check_own_end(run: Bereft) -> None:
    """It ends as a run does that has a server, and soon."""
    assert (run.status, run.summary["state"]) == (0, "Completed"), run.stderr
    assert Path(run.summary["release"], "release.json").exists()
    [night] = (run.job.parent / "outputs" / "tiny" / "history.jsonl").read_text().splitlines()
    assert json.loads(night)["state"] == "Completed"
    assert run.seconds < 40
    assert "Warning: the Prefect server did not take the run's final state" in run.stderr
    for noise in ("Traceback", "EventsWorker", "ERROR"):
        assert noise not in run.stderr


@pytest.fixture(scope="module")
def bereft(serverless: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Bereft:
    job = write_job(tmp_path_factory.mktemp("bereft"), **BRIEF)
    with running(job, serverless) as run:
        server = embedded_server(run)
        check_strangers_are_refused(server)
        return bereave(run, job, server.pid)


def check_strangers_are_refused(server: psutil.Process) -> None:
    command = server.cmdline()
    api = f"http://127.0.0.1:{command[command.index('--port') + 1]}/api"
    assert "dcgan:" not in " ".join(command)  # its password
    for path, content in {"/admin/settings": None, "/flows/filter": b"{}", "/deployments/filter": b"{}"}.items():
        request = urllib.request.Request(f"{api}{path}", content, {"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(request, timeout=30)
        with refusal.value as answer:
            assert answer.code in (401, 403)


def test_run_whose_embedded_server_is_killed_comes_to_its_own_end(bereft: Bereft) -> None:
    check_own_end(bereft)
    assert bereft.stderr.count("Warning: Prefect's embedded server has ended") == 1


def test_run_whose_own_server_is_killed_comes_to_its_own_end(
    serverless: dict[str, str], database: Path, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    shutil.copyfile(database, tmp_path / "home" / database.name)
    server = Server(serverless | {"PREFECT_HOME": str(tmp_path / "home")}, tmp_path / "log")
    server.start()
    assert server.process is not None
    job = write_job(tmp_path, **BRIEF)
    patience = {"PREFECT_CLIENT_MAX_RETRIES": "1"}  # by default, each of the last requests is tried for a minute
    try:
        with running(job, server.environment | patience) as run:
            check_own_end(bereave(run, job, server.process.pid))
    finally:
        server.process.wait(60)


def fails_to_start(environment: dict[str, str], home: Path, job: Path) -> str:
    """What a run says that ends at once, with 1, before it has begun."""
    begin = time.monotonic()
    done = subprocess.run(
        [*DCGAN, "run", str(job)],
        env=environment | {"PREFECT_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr and "UserWarning" not in done.stderr, done.stderr
    assert time.monotonic() - begin < 60
    assert not (job.parent / "outputs").exists()
    return done.stderr.partition("Error: ")[2]


def test_home_that_cannot_be_written_to_is_told(serverless: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # no user may make a folder below a file, not even root
    told = fails_to_start(serverless, tmp_path / "file" / "home", write_job(tmp_path))
    assert told.startswith(f"cannot write to Prefect's home {tmp_path / 'file' / 'home'}: Not a directory.")
    assert "PREFECT_HOME" in told


def test_database_that_is_none_is_told(serverless: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "prefect.db").write_bytes(b"no database " * 1000)
    told = fails_to_start(serverless, tmp_path / "home", write_job(tmp_path))
    assert told.startswith(
        f"Prefect's embedded server did not start. Its home is {tmp_path / 'home'}, and its log ends:"
    )
    assert "file is not a database" in told


def test_disk_without_room_for_the_database_is_told(serverless: dict[str, str], tmp_path: Path) -> None:
    with small_disk(tmp_path / "home", 300) as home:
        told = fails_to_start(serverless, home, write_job(tmp_path))
    assert "database or disk is full" in told
