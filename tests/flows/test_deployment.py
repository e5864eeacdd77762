"""From `prefect deploy` to a release, on SQLite and on PostgreSQL: the schedule starts a run, a worker does it, and the
server is started again in the middle of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.conftest import BRIEF, write_job
from tests.postgres import running_postgres
from tests.prefect_server import PREFECT, Server, process_of, running_server, wait_for
from tests.processes import children_with

NAME = "digits"  # of the deployment in prefect.yaml


@dataclass
class Night:
    """What the first run of the schedule left, and those that came due while it went."""

    server: Server
    job: Path
    deployment: dict[str, Any]
    run: dict[str, Any]
    lease: str
    """What shows that the run holds the job's one slot."""
    lease_was_known: bool
    """By the server, after it was started again."""
    others: list[dict[str, Any]]


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def server(
    request: pytest.FixtureRequest, serverless: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "log"
    if request.param == "SQLite":
        with running_server(serverless, log) as server:
            yield server
    else:
        with running_postgres() as url:
            own = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": url, "PREFECT_HOME": str(log.parent)}
            with running_server(serverless | own, log) as server:
                yield server


@pytest.fixture(scope="module")
def night(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    root = tmp_path_factory.mktemp("night")
    job = write_job(root, **BRIEF)
    server.do(PREFECT, "work-pool", "create", "dcgan", "--type", "process", "--overwrite")
    # As prefect.yaml has it, but for the job, a schedule of seconds, and late runs that are cancelled.
    changes = ["--param", f"job_file={job}", "--interval", "20"]
    changes += ["--concurrency-limit", "1", "--collision-strategy", "CANCEL_NEW"]
    server.do(PREFECT, "--no-prompt", "deploy", "--name", NAME, *changes)
    deployment = server.deployment(NAME)
    assert deployment is not None
    ours = {"deployments": {"id": {"any_": [deployment["id"]]}}}
    worker = [PREFECT, "worker", "start", "--pool", "dcgan"]
    with process_of(worker, server.environment, root / "worker.log") as at_work:
        running = {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}} | ours
        [run] = wait_for("a run of the schedule", lambda: server.runs(**running))
        wait_for("its training", lambda: server.tasks(run["id"]).get("make 0") == "RUNNING")
        training = wait_for("its process", lambda: children_with(at_work, "dcgan.pipeline.worker"))
        for process in training:  # a run that ended while the server is away would hold no slot any more
            process.suspend()
        lease = server.run(run["id"])["state"]["state_details"]["deployment_concurrency_lease_id"]
        ended = {"flow_runs": {"state": {"type": {"any_": ["CANCELLED"]}}}} | ours
        wait_for("a late run", lambda: server.runs(**ended))
        server.ask(f"/deployments/{deployment['id']}/pause_deployment", {})

        server.stop()
        assert not server.answers()
        server.start()
        known = True
        try:
            server.ask(f"/v2/concurrency_limits/leases/{lease}/renew", {"lease_duration": 300})
        except HTTPError:
            known = False
        for process in training:
            process.resume()
        yield Night(server, job, deployment, server.ended(run["id"]), lease, known, server.runs(**ended))


def test_deployment_is_as_prefect_yaml_says(night: Night) -> None:
    assert night.deployment["entrypoint"] == "dcgan.flows.scheduled.scheduled"
    assert night.deployment["work_pool_name"] == "dcgan"
    assert night.deployment["global_concurrency_limit"]["limit"] == 1
    assert night.deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def test_run_of_the_schedule_finishes_though_the_server_was_away(night: Night) -> None:
    assert night.run["auto_scheduled"]
    state = night.run["state"]
    assert (state["type"], state["message"]) == ("COMPLETED", "Completed"), state
    assert (night.job.parent / "outputs" / "tiny" / "latest" / "release.json").exists()


def test_server_still_knows_who_holds_the_slot(night: Night) -> None:
    assert night.lease and night.lease_was_known


def test_late_runs_are_cancelled(night: Night) -> None:
    assert night.others
    assert {run["state"]["message"] for run in night.others} == {"Deployment concurrency limit reached."}


def test_every_task_is_recorded(night: Night) -> None:
    expected = {"catalogue", "split", "judge", "make 0", "measure quality", "decide", "release"}

    def are_recorded() -> bool:  # the server takes note of a task some seconds after its end
        tasks = night.server.tasks(night.run["id"])
        return expected <= set(tasks) and set(tasks.values()) == {"COMPLETED"}

    wait_for("the record of every task", are_recorded, seconds=60)


def test_artifacts_tell_of_the_run(night: Night) -> None:
    artifacts = night.server.artifacts(night.run["id"])
    keys = {artifact["key"]: artifact for artifact in artifacts if artifact["key"]}
    assert set(keys) == {"tiny-classes", "tiny-samples", "tiny-report"}
    assert night.run["state"]["message"] in keys["tiny-classes"]["description"]
    assert "report.html" in keys["tiny-report"]["data"]
    progress = {artifact["description"]: artifact["data"] for artifact in artifacts if artifact["type"] == "progress"}
    [of_class] = [told for told in progress if told.startswith("generation 0: ")]  # before it, "training 0: "
    assert of_class.startswith("generation 0: 40 of 40 images") and progress[of_class] == 100
