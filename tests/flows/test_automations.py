"""A machine that dies: the server finds out by the silence of its run, tells people, and the next run goes on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import BRIEF, DCGAN, write_job
from tests.prefect_server import PREFECT, Server, Webhook, process_of, running_server, wait_for

HEARTBEAT, SILENCE = 30, 75  # s; Prefect sends no heartbeat more often, and on a busy machine one may be late


@dataclass
class Aftermath:
    """What was left of a run whose worker was killed with all that it had started, and what the next run did."""

    crashed: dict[str, Any]
    heard: list[dict[str, Any]]
    second: dict[str, Any]
    log: str
    """What the second worker said."""
    job: Path


@pytest.fixture(scope="module")
def server(serverless: dict[str, str], database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copyfile(database, folder / database.name)
    # A home of its own: automations stay in its database, and would watch over other tests' runs.
    own = serverless | {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT), "PREFECT_HOME": str(folder)}
    with running_server(own, folder / "log") as server:
        yield server


@pytest.fixture(scope="module")
def aftermath(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    root = tmp_path_factory.mktemp("aftermath")
    webhook = Webhook()
    job = write_job(root, name="mortal", **BRIEF)
    webhook.save_blocks(server, "none", "duty")
    server.do(*DCGAN, "automate", "--silence", str(SILENCE), "--notify", "custom-webhook/duty")
    server.do(PREFECT, "work-pool", "create", "mortal", "--type", "process", "--overwrite")
    deploy = ["deploy", "dcgan.flows.scheduled.scheduled", "--name", "mortal", "--pool", "mortal"]
    server.do(PREFECT, "--no-prompt", *deploy, "--param", f"job_file={job}", "--concurrency-limit", "1")
    worker = [PREFECT, "worker", "start", "--pool", "mortal"]
    first, log = server.start_run("mortal"), root / "second.log"
    with process_of(worker, server.environment, root / "first.log") as process:
        wait_for("its training", lambda: server.tasks(first).get("make 0") == "RUNNING")
        for member in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            member.kill()  # the machine has died
    crashed = server.ended(first, SILENCE + HEARTBEAT)
    with process_of(worker, server.environment, log):
        second = server.ended(server.start_run("mortal"))
    wait_for("the message", lambda: webhook.heard, 30)
    webhook.close()
    return Aftermath(crashed, webhook.heard, second, log.read_text(), job)


def test_silent_run_is_marked_as_crashed(aftermath: Aftermath) -> None:
    state = aftermath.crashed["state"]
    assert (state["type"], state["name"]) == ("CRASHED", "Crashed")
    assert state["message"] == f"No sign of life for {SILENCE} s"


def test_people_are_told(aftermath: Aftermath) -> None:
    [told] = [told["content"] for told in aftermath.heard]
    assert told["subject"] == f"{aftermath.crashed['name']}: Crashed: no sign of life for {SILENCE} s"
    assert aftermath.crashed["id"] in told["body"]


def test_next_run_goes_on_where_the_dead_one_stopped(aftermath: Aftermath) -> None:
    assert aftermath.second["state"]["type"] == "COMPLETED", aftermath.second["state"]
    assert f"Resuming run {started_at(aftermath.job)}" in aftermath.log


def started_at(job: Path) -> str:
    [run] = os.listdir(job.parent / "outputs" / "mortal" / "runs")
    return run


@pytest.mark.usefixtures("aftermath")
def test_automations_are_set_up_once(server: Server) -> None:
    told = server.do(*DCGAN, "automate", "--silence", "45")
    assert told == "A run that gives no sign of life for 45 s is marked as crashed\n"
    found = {automation["name"]: automation for automation in server.ask("/automations/filter", {})}
    assert set(found) == {"dcgan-augment: runs that fell silent"}  # nobody is told any more
    assert found["dcgan-augment: runs that fell silent"]["trigger"]["within"] == 45


def test_silence_shorter_than_a_heartbeat_is_refused(server: Server) -> None:
    done = server.attempt(*DCGAN, "automate", "--silence", str(HEARTBEAT))
    assert done.returncode == 2
    assert "expected more than the time between two heartbeats" in done.stderr and "every 30 s" in done.stderr
