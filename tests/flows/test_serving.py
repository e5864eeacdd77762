"""`dcgan serve` against a real Prefect server: schedule, runs, notifications, what a kill and a signal leave."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import BRIEF, DCGAN, command_line, write_job
from tests.prefect_server import Server, Webhook, process_of, running_server, wait_for
from tests.samples import tree_hash
from tests.shell import Dcgan, shell

DEAF = "http://127.0.0.1:9/api"  # nothing answers on the port of the discard protocol
SECRET = "token-that-stands-nowhere"


@dataclass
class Evening:
    """What four runs of a served job left: one that does its work, one beside it, one without a job, one killed."""

    server: Server
    log: Path
    job: Path
    deployment: dict[str, Any]
    runs: dict[str, dict[str, Any]]
    """By `good`, `late`, `wrong` and `killed`, as they ended, or as `late` stood while `good` went."""
    heard: list[dict[str, Any]]
    """What the webhook was told."""
    status: int
    """What serving ended with, upon SIGTERM."""
    last_words: str
    """What it said then."""


@pytest.fixture(scope="module")
def server(serverless: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(serverless, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    yield webhook
    webhook.close()


@pytest.fixture(scope="module")
def evening(server: Server, webhook: Webhook, tmp_path_factory: pytest.TempPathFactory) -> Evening:
    root = tmp_path_factory.mktemp("evening")
    job, log = write_job(root, name="served", **BRIEF), root / "serve.log"
    webhook.save_blocks(server, SECRET, "good", "refused")
    command = [*DCGAN, "serve", str(job), "--cron", "30 3 * * *", "--timezone", "Europe/Berlin"]
    command += ["--notify", "custom-webhook/refused", "--notify", "custom-webhook/good"]
    runs: dict[str, dict[str, Any]] = {}
    with process_of(command, server.environment, log) as process:
        deployment = wait_for("the deployment", lambda: server.deployment("served"))

        good = server.start_run("served")
        wait_for("its training", lambda: "make 0" in server.tasks(good))
        late = server.start_run("served")
        waiting = lambda: server.run(late)["state"]["name"] == "AwaitingConcurrencySlot"  # noqa: E731
        wait_for("the late run to be held back", waiting)
        runs["late"] = server.run(late)
        server.ask(f"/flow_runs/{late}/set_state", {"state": {"type": "CANCELLED"}, "force": True})
        runs["good"] = server.ended(good)

        text = job.read_text()
        job.write_text("name: [")
        runs["wrong"] = server.ended(server.start_run("served"))
        job.write_text(text)

        killed = server.start_run("served", fresh=True)  # there is nothing new that a run would have to do
        wait_for("its first task", lambda: server.tasks(killed))
        children = psutil.Process(process.pid).children()
        [of_run] = [child for child in children if "spawn_main" in str(child.cmdline())]
        of_run.kill()
        runs["killed"] = server.ended(killed)
        heard = webhook.heard
        wait_for("the last word", lambda: len([told for told in heard if told["path"].startswith("/good")]) == 3, 60)

        before = len(log.read_text())
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    return Evening(server, log, job, deployment, runs, list(webhook.heard), status, log.read_text()[before:])


def test_schedule_is_registered_and_outlives_the_process(evening: Evening) -> None:
    (schedule,) = evening.deployment["schedules"]
    assert schedule["schedule"]["cron"] == "30 3 * * *"
    assert schedule["schedule"]["timezone"] == "Europe/Berlin"
    now = evening.server.deployment("served")
    assert now is not None and not now["paused"] and now["schedules"][0]["active"]
    nights = evening.server.runs(flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}})
    assert [run for run in nights if run["deployment_id"] == now["id"]]


def test_triggered_run_releases(evening: Evening) -> None:
    state = evening.runs["good"]["state"]
    assert (state["type"], state["message"]) == ("COMPLETED", "Completed"), state
    assert evening.runs["good"]["name"].startswith("served 20")
    assert (evening.job.parent / "outputs" / "served" / "latest" / "release.json").exists()


def test_late_run_waits(evening: Evening) -> None:
    assert evening.runs["late"]["state"]["type"] == "SCHEDULED"
    assert evening.deployment["global_concurrency_limit"]["limit"] == 1
    assert evening.deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"


def test_job_file_is_read_by_each_run_and_a_bad_one_fails_it(evening: Evening) -> None:
    state = evening.runs["wrong"]["state"]
    assert state["type"] == "FAILED" and "job.yaml is not a YAML file" in state["message"]
    assert evening.runs["wrong"]["name"].startswith("served 20")  # by the deployment's name


def test_killed_run_is_crashed(evening: Evening) -> None:
    assert evening.runs["killed"]["state"]["type"] == "CRASHED"


def test_people_are_told_of_every_end_with_a_link(evening: Evening) -> None:
    told = [told["content"] for told in evening.heard if told["path"].startswith("/good")]
    good, wrong, killed = told
    assert good["subject"] == f"{evening.runs['good']['name']}: Completed"
    assert "Failed: " in wrong["subject"] and "job.yaml is not a YAML file" in wrong["subject"]
    assert killed["subject"].startswith(f"{evening.runs['killed']['name']}: Crashed: ")
    for name, content in zip(("good", "wrong", "killed"), told, strict=True):
        page = f"http://127.0.0.1:{evening.server.port}/runs/flow-run/{evening.runs[name]['id']}"
        assert content["body"] == page


def test_block_that_cannot_be_told_stops_nothing(evening: Evening) -> None:
    assert len([told for told in evening.heard if told["path"].startswith("/refused")]) == 3
    logs = evening.server.ask("/logs/filter", {})
    assert "Block custom-webhook/refused failed: HTTPStatusError" in {log["message"] for log in logs}


def test_secret_of_a_block_stands_nowhere_else(evening: Evening) -> None:
    assert all(SECRET in told["path"] for told in evening.heard)
    logs = evening.server.ask("/logs/filter", {"limit": 200})
    assert not [log for log in logs if SECRET in json.dumps(log)]
    assert SECRET not in json.dumps([evening.server.artifacts(run["id"]) for run in evening.runs.values()])
    assert SECRET not in evening.log.read_text() and evening.server.password not in evening.log.read_text()
    files = [path for path in evening.job.parent.rglob("*") if path.is_file()]
    assert len(files) > 200 and not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_sigterm_ends_serving_in_good_order(evening: Evening) -> None:
    assert evening.status == 0
    assert "never awaited" not in evening.log.read_text()
    assert "Traceback" not in evening.last_words


def test_serving_in_the_background_of_a_script_ends_on_sigterm(server: Server, tmp_path: Path) -> None:
    # A shell lets what it starts there ignore Ctrl-C.
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *DCGAN, "serve", str(write_job(tmp_path, name="behind"))]
    log = tmp_path / "serve.log"
    with process_of(command, server.environment, log) as process:
        wait_for("the service", lambda: "Ctrl-C ends serving" in log.read_text())
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def dcgan_of_the_deaf(serverless: dict[str, str]) -> Iterator[Dcgan]:
    """Commands whose server does not answer."""
    with shell("forking", serverless | {"PREFECT_API_URL": DEAF}, quiet=False) as dcgan:
        yield dcgan


@pytest.fixture(scope="module")
def dcgan_of_the_server(server: Server) -> Iterator[Dcgan]:
    """Commands whose server does."""
    with shell("forking", server.environment, quiet=False) as dcgan:
        yield dcgan


def ended(dcgan: Dcgan, command: str, job: Path, *options: str) -> str:
    """What the command says as it ends, at once, with 2, having written nothing."""
    before, began = tree_hash(job.parent), time.monotonic()
    done = dcgan(command, job, *options)
    assert done.returncode == 2 and time.monotonic() - began < 60, done.stderr
    _, *errors = f"\n{done.stderr}".split("\nError: ")
    assert len(errors) == 1 and done.stderr.count("Error") == 1, done.stderr
    assert tree_hash(job.parent) == before
    return done.stderr


def test_serving_without_a_server_ends_and_says_how_to_have_one(serverless: dict[str, str], tmp_path: Path) -> None:
    told = ended(functools.partial(command_line, serverless), "serve", write_job(tmp_path))
    assert "PREFECT_API_URL is not set" in told
    assert "prefect server start" in told and "export PREFECT_API_URL=http://127.0.0.1:4200/api" in told


@pytest.mark.parametrize("command", ["serve", "run"])
def test_server_that_does_not_answer_ends_the_command(dcgan_of_the_deaf: Dcgan, tmp_path: Path, command: str) -> None:
    told = ended(dcgan_of_the_deaf, command, write_job(tmp_path))
    assert f"no Prefect server answers at PREFECT_API_URL={DEAF} (" in told and "prefect server start" in told


def test_server_that_refuses_the_password_ends_the_command_and_says_which_to_set(
    server: Server, serverless: dict[str, str], tmp_path: Path
) -> None:
    wrong = serverless | {"PREFECT_API_AUTH_STRING": "dcgan:guessed", "PREFECT_API_URL": server.api}
    told = ended(functools.partial(command_line, wrong), "serve", write_job(tmp_path))
    assert f"the Prefect server at PREFECT_API_URL={server.api} refuses the password in PREFECT_API_AUTH_STRING" in told


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
    dcgan_of_the_deaf: Dcgan, tmp_path: Path, option: str, value: str, example: str
) -> None:
    told = ended(dcgan_of_the_deaf, "serve", write_job(tmp_path), option, value)
    assert told.startswith(f"Error: {option}: expected ") and f"(found {value!r})" in told and example in told


@pytest.fixture(scope="module")
def _secret(server: Server) -> None:
    """A block that is no notification's."""
    code = "from prefect.blocks.system import Secret; Secret(value='x').save('word', overwrite=True)"
    server.do(sys.executable, "-c", code)


@pytest.mark.usefixtures("_secret")
@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("slack-webhook/nobody", "--notify slack-webhook/nobody: the Prefect server has no such block"),
        ("nonsense", "--notify nonsense: the Prefect server has no such block"),
        ("secret/word", "--notify secret/word: expected a notification block, found a Secret"),
    ],
)
def test_block_that_tells_nobody_is_refused(dcgan_of_the_server: Dcgan, tmp_path: Path, block: str, told: str) -> None:
    assert told in ended(dcgan_of_the_server, "serve", write_job(tmp_path), "--notify", block)
