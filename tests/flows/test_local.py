"""`make up` and `make down`: a real server, worker and deployment in the background, once."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.object_store import free_port
from tests.prefect_server import ROOT, Server, wait_for

Local = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def server(serverless: dict[str, str], outputs: Path) -> Server:
    """That `make up` starts: here only to be asked."""
    return Server(serverless | {"PREFECT_HOME": str(outputs / ".prefect")}, outputs / "unused", free_port())


@pytest.fixture(scope="module")
def local(server: Server, serverless: dict[str, str], outputs: Path) -> Iterator[Local]:
    def do(what: str, port: int = server.port) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dcgan.flows.local", what, "--port", str(port), "--outputs", str(outputs)]
        return subprocess.run(
            command, env=serverless, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
        )

    yield do
    do("down")


@pytest.fixture(scope="module")
def up(local: Local, server: Server, outputs: Path) -> str:
    """What it says when all is there."""
    done = local("up")
    assert done.returncode == 0, done.stderr
    server.password = (outputs / ".prefect" / "password").read_text()
    return done.stdout


def processes(outputs: Path) -> dict[str, int]:
    records = {name: outputs / ".prefect" / f"{name}.json" for name in ("server", "worker")}
    return {name: json.loads(record.read_text())["pid"] for name, record in records.items()}


@pytest.mark.usefixtures("up")
def test_server_worker_and_schedule_are_there(server: Server) -> None:
    assert server.answers()
    assert server.ask("/work_pools/dcgan")["status"] == "READY"
    deployment = server.deployment("digits")
    assert deployment is not None and deployment["parameters"]["job_file"] == "outputs/demo/job.yaml"
    [schedule] = deployment["schedules"]
    assert schedule["active"] and schedule["schedule"]["timezone"] == "Europe/Berlin"
    assert len(server.ask("/automations/filter", {})) == 1


def test_address_and_password_of_the_pages_are_told(up: str, server: Server, outputs: Path) -> None:
    assert f"Pages       http://127.0.0.1:{server.port}\n" in up
    assert f"Password    in {outputs / '.prefect' / 'password'}, which only you can read\n" in up
    assert server.password not in up


@pytest.mark.usefixtures("up")
def test_password_is_where_only_its_owner_reads_it(server: Server, outputs: Path) -> None:
    home = outputs / ".prefect"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    holding = {file.name for file in home.iterdir() if server.password.encode() in file.read_bytes()}
    assert holding == {"password", "profiles.toml"}
    assert {stat.S_IMODE((home / name).stat().st_mode) for name in holding} == {0o600}
    for pid in processes(outputs).values():
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            assert server.password not in " ".join(process.cmdline())


def test_commands_that_are_told_work_as_they_stand(up: str) -> None:
    [command] = [line.split(maxsplit=3)[3] for line in up.splitlines() if line.startswith("Run it now")]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    listing = command.replace("deployment run dcgan-augment/digits", "deployment inspect dcgan-augment/digits")
    done = subprocess.run(["sh", "-c", listing], env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "job_file" in done.stdout, done.stdout + done.stderr


@pytest.mark.usefixtures("up")
def test_again_starts_nothing_twice(local: Local, outputs: Path, server: Server) -> None:
    before = processes(outputs)
    assert local("up").returncode == 0
    assert processes(outputs) == before
    assert len(server.ask("/work_pools/dcgan/workers/filter", {})) == 1


@pytest.mark.usefixtures("up")
def test_other_port_is_refused_while_it_is_up(local: Local) -> None:
    done = local("up", free_port())
    assert done.returncode == 2
    assert "is running on another port or with other settings: `make down` first" in done.stderr


@pytest.mark.usefixtures("up")
def test_down_ends_all_and_a_new_start_keeps_records_but_forgets_old_runs(
    local: Local, outputs: Path, server: Server
) -> None:
    flow = server.ask("/flows/filter", {})[0]["id"]
    for name in ("old", "new"):
        server.ask("/flow_runs/", {"flow_id": flow, "name": name, "state": {"type": "COMPLETED"}})
    interrupted = server.start_run("digits", job_file=str(outputs / "demo" / "job.yaml"))
    wait_for("a run", lambda: "RUNNING" in server.tasks(interrupted).values())
    family = [
        member
        for pid in processes(outputs).values()
        for member in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))
    ]
    assert len(family) >= 2

    done = local("down")
    assert done.returncode == 0 and not server.answers()
    assert not [member for member in family if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]
    assert "No server is running" in local("down").stdout

    hundred_days_ago = f"{datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=100):%Y-%m-%d %H:%M:%S.%f}"
    with contextlib.closing(sqlite3.connect(outputs / ".prefect" / "prefect.db")) as database, database:
        database.execute("UPDATE flow_run SET end_time = ? WHERE name = 'old'", [hundred_days_ago])
    assert local("up").returncode == 0
    assert server.deployment("digits") is not None
    assert server.run(interrupted)["state"]["type"] == "CRASHED"

    def known() -> set[str]:
        return {run["name"] for run in server.runs()}

    wait_for("the old run to be forgotten", lambda: "old" not in known(), 120)
    assert "new" in known()


def test_taken_port_is_told(local: Local) -> None:
    assert local("down").returncode == 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = local("up", taken.getsockname()[1])
    assert done.returncode == 2
    assert "is taken by another program" in done.stderr
    assert "make up PORT=" in done.stderr
