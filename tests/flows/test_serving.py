"""`dcgan serve` against a real Prefect server: the schedule is registered, and a run triggered at once does the job."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DCGAN, write_job

PREFECT = str(Path(sys.executable).with_name("prefect"))


def wait_for(what: str, check: Callable[[], Any], seconds: float = 180) -> Any:
    """Ask again until `check` gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not come within {seconds} s")


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """A real Prefect server on loopback; gives the environment that names it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    command = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for("the server", lambda: answers(f"{api}/health"))
            yield environment | {"PREFECT_API_URL": api}
        finally:
            process.send_signal(signal.SIGINT)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def ask(api: str, path: str, content: dict[str, Any]) -> Any:
    """Post to Prefect's API; a server whose SQLite is locked by another writer answers 503, and is asked again."""
    request = urllib.request.Request(
        f"{api}{path}", json.dumps(content).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    for tries_left in reversed(range(10)):
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code != 503 or not tries_left:
                raise
            time.sleep(1)
    raise AssertionError


def test_served_job_is_scheduled_and_a_triggered_run_releases(server: dict[str, str], tmp_path: Path) -> None:
    api = server["PREFECT_API_URL"]
    job = write_job(tmp_path)
    command = [*DCGAN, "serve", str(job), "--cron", "30 3 * * *", "--timezone", "Europe/Berlin"]
    log = (tmp_path / "serve.log").open("w")
    with log, subprocess.Popen(command, env=server, stdout=log, stderr=subprocess.STDOUT) as process:
        try:
            (deployment,) = wait_for("the deployment", lambda: ask(api, "/deployments/filter", {}))
            (schedule,) = deployment["schedules"]
            assert schedule["schedule"]["cron"] == "30 3 * * *"
            assert schedule["schedule"]["timezone"] == "Europe/Berlin"
            run = ask(api, f"/deployments/{deployment['id']}/create_flow_run", {})

            def ended() -> dict[str, Any] | None:
                (found,) = ask(api, "/flow_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
                return found if found["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

            found = wait_for("the end of the run", ended)
            scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
            assert wait_for("the next night", lambda: ask(api, "/flow_runs/filter", scheduled))
            assert found["state"]["type"] == "COMPLETED", found["state"]
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
    assert (tmp_path / "outputs" / "tiny" / "latest" / "release.json").exists()
    (deployment,) = ask(api, "/deployments/filter", {})
    assert not deployment["paused"]  # the schedule outlives the process
    assert os.listdir(tmp_path / "outputs" / "tiny" / "releases")
