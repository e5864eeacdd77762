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
from tests.samples import tree_hash

DEAF = "http://127.0.0.1:9/api"  # nothing answers on the port of the discard protocol
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


def ended(command: str, job: Path, environment: dict[str, str], *options: str, api: str = "") -> str:
    """What the command says as it ends, at once, with 2, having written nothing."""
    named = {name: value for name, value in environment.items() if name != "PREFECT_API_URL"}
    before = tree_hash(job.parent)
    done = subprocess.run(
        [*DCGAN, command, str(job), *options],
        env=named | ({"PREFECT_API_URL": api} if api else {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("Error: ") and done.stderr.count("Error") == 1
    assert tree_hash(job.parent) == before
    return done.stderr


def test_serving_without_a_server_ends_and_says_how_to_have_one(environment: dict[str, str], tmp_path: Path) -> None:
    told = ended("serve", write_job(tmp_path), environment)
    assert "PREFECT_API_URL is not set" in told
    assert "prefect server start" in told and "prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api" in told


@pytest.mark.parametrize("command", ["serve", "run"])
def test_server_that_does_not_answer_ends_the_command(
    environment: dict[str, str], tmp_path: Path, command: str
) -> None:
    told = ended(command, write_job(tmp_path), environment, api=DEAF)
    assert f"no Prefect server answers at PREFECT_API_URL={DEAF} (" in told and "prefect server start" in told


@pytest.mark.parametrize(
    ("option", "value", "example"),
    [
        ("--cron", "bad", "'0 2 * * *'"),
        ("--cron", "61 * * * *", "'0 2 * * *'"),
        ("--timezone", "Mars", "Europe/Berlin"),
        ("--timezone", "", "Europe/Berlin"),
    ],
)
def test_schedule_that_cannot_be_is_told_by_its_option(
    environment: dict[str, str], tmp_path: Path, option: str, value: str, example: str
) -> None:
    told = ended("serve", write_job(tmp_path), environment, option, value, api=DEAF)
    assert told.startswith(f"Error: {option}: expected ") and f"(found {value!r})" in told and example in told
