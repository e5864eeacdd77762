"""The server that `make up` starts, met by those it is for, and by those it is not: web pages and other users.

Each attack is also tried on the same server without its protection, where it must succeed: else it would prove nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from dcgan.run.records import RunResult, Verdict
from tests.browser.conftest import REBOUND
from tests.prefect_server import PREFECT, ROOT, Server, process_of, wait_for
from tests.samples import write_noise
from tests.unit.conftest import SCRIPT, make_run

EVIL = "<img src=//127.0.0.1:9/tag> [y](javascript:alert(1)) ![z](//127.0.0.1:9/picture) **b** stop_sign"
SHOWN = "＜img src=//127.0.0.1:9/tag＞ ［y］(javascript:alert(1)) !［z］(//127.0.0.1:9/picture) ＊＊b＊＊ stop_sign"
EVIL_URL = re.compile(r":9/|javascript:")

# What a page does that the user has been lured to: read the deployments, and have each of them run a command.
READ_AND_RUN = """async ({api, command}) => {
    const post = (path, content) => fetch(api + path, {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(content),
    });
    for (const deployment of await (await post("/deployments/filter", {})).json()) {
        await post(`/deployments/${deployment.id}/create_flow_run`, {job_variables: {command}});
    }
}"""
# The same without reading any answer, where it knows a deployment: the browser does not ask the server first.
RUN_BLINDLY = """({api, command, deployment}) => fetch(`${api}/deployments/${deployment}/create_flow_run`, {
    method: "POST", mode: "no-cors", body: new Blob([JSON.stringify({job_variables: {command}})]),
})"""
OPEN_EVENTS = """({api}) => new Promise(resolve => {
    const socket = new WebSocket(api.replace("http:", "ws:") + "/events/in", "prefect");
    socket.onopen = () => socket.send(JSON.stringify({type: "auth", token: null}));
    socket.onmessage = message => resolve(JSON.parse(message.data).type);
    socket.onclose = () => resolve("closed");
})"""

# What another user of the machine does: the same, and look for the password. Its orders are on standard input.
AS_NOBODY = """
import encodings.idna, json, os, pwd, sys, urllib.error, urllib.request  # all that nobody could not read later
orders, nobody = json.load(sys.stdin), pwd.getpwnam("nobody")
os.setgroups([]), os.setgid(nobody.pw_gid), os.setuid(nobody.pw_uid)

def post(path, content):
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(orders["api"] + path, json.dumps(content).encode(), headers)
    return json.load(urllib.request.urlopen(request))

def contains_password(file):
    try:
        return orders["password"] in open(file, errors="replace").read()
    except OSError:
        return False

try:
    for deployment in post("/deployments/filter", {}):
        post(f"/deployments/{deployment['id']}/create_flow_run", {"job_variables": {"command": orders["command"]}})
    answer = 200
except urllib.error.HTTPError as error:
    answer = error.code
print(json.dumps({"answer": answer, "found": [file for file in orders["files"] if contains_password(file)]}))
"""


# A flow that shows what a run shows; its result is on standard input.
SHOW = """
import sys
from pathlib import Path
from prefect import flow, task
from prefect.states import Completed
from dcgan.execution.progress import reports
from dcgan.flows.artifacts import publish_artifacts
from dcgan.flows.progress import publishing
from dcgan.run.paths import Run
from dcgan.run.records import RunResult

result, run = RunResult.model_validate_json(sys.stdin.read()), Run(Path(sys.argv[1]))
[label] = result.classes

@task(task_run_name="make {label}")
def make(label):
    with publishing():
        reports.send({"stage": "training", "label": label, "done": 40, "total": 40})

@flow(flow_run_name="evil")
def show():
    make(label)
    publish_artifacts(run, result)
    return Completed(message=result.state)

print(show(return_state=True).state_details.flow_run_id)
"""


@dataclass
class Target:
    """A server with a worker, and what an attacker wants of it."""

    server: Server
    home: Path
    deployment: str

    @property
    def is_protected(self) -> bool:
        return self.server.is_protected

    def attempts(self, command: str) -> list[dict[str, Any]]:
        """Runs that shall do nothing but a command."""
        return [run for run in self.server.runs() if run["job_variables"].get("command") == command]


def local(what: str, server: Server, outputs: Path) -> None:
    command = [sys.executable, "-m", "dcgan.flows.local", what, "--port", str(server.port), "--outputs", str(outputs)]
    done = subprocess.run(command, env=server.own_environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def made_up(serverless: dict[str, str], database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """What `make up` starts, with a database that is there already."""
    outputs = tmp_path_factory.mktemp("outputs")
    home, server = outputs / ".prefect", Server(serverless, outputs / "unused")
    home.mkdir(0o700)
    shutil.copyfile(database, home / database.name)
    local("up", server, outputs)
    try:
        server.password = (home / "password").read_text()
        deployment = server.deployment("digits")
        assert deployment is not None
        yield Target(server, home, deployment["id"])
    finally:
        local("down", server, outputs)


@contextmanager
def unprotected(target: Target) -> Iterator[Target]:
    """The same server and worker, started without their protection."""
    home = target.home
    local("down", target.server, home.parent)
    (home / "profiles.toml").unlink()
    environment = target.server.own_environment | {"PREFECT_HOME": str(home)}
    server = replace(target.server, own_environment=environment, is_protected=False)
    with ExitStack() as stack:
        for name, command in {
            "server": [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(server.port)],
            "worker": [PREFECT, "worker", "start", "--pool", "dcgan"],
        }.items():
            stack.enter_context(process_of(command, server.environment, home / f"unprotected-{name}.log"))
            wait_for("the server", server.answers)
        yield replace(target, server=server)


@pytest.fixture(scope="module", params=["protected", "unprotected"])
def target(request: pytest.FixtureRequest, made_up: Target) -> Iterator[Target]:
    if request.param == "protected":
        yield made_up
    else:
        with unprotected(made_up) as target:
            yield target


@pytest.fixture(scope="module")
def lure() -> Iterator[str]:
    """Address of a page of another origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Cats</title>")

        def log_message(self, *_: Any) -> None:
            pass

    site = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()
    site.server_close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def attack(page: Page, script: str, target: Target, command: str, api: str | None = None) -> bool:
    """Let a page try to have a command run; whether the server takes it for one to run.

    It tries several times: a busy server refuses any page at times, since its database is locked.
    """
    orders = {"api": api or target.server.api, "command": command, "deployment": target.deployment}
    for _ in range(3):
        page.evaluate(f"orders => ({script})(orders).catch(error => null)", orders)  # to be refused is an error there
        if target.attempts(command):
            return True
    return False


def test_page_of_another_origin_runs_nothing(page: Page, target: Target, lure: str, tmp_path: Path) -> None:
    page.goto(lure)
    succeeded = attack(page, READ_AND_RUN, target, f"touch {tmp_path / 'mark'}")
    assert succeeded != target.is_protected
    if succeeded:  # it does what it is feared to
        wait_for("the attacker's mark", (tmp_path / "mark").exists)


def test_page_that_reads_no_answer_runs_nothing(page: Page, target: Target, lure: str) -> None:
    page.goto(lure)
    assert attack(page, RUN_BLINDLY, target, "true blind") != target.is_protected


def test_page_whose_name_points_to_this_machine_runs_nothing(page: Page, target: Target) -> None:
    """Its origin is the server's own then, and Prefect looks at no host name: only the password is in the way."""
    origin = f"http://{REBOUND}:{target.server.port}"
    page.goto(f"{origin}/docs")
    assert attack(page, READ_AND_RUN, target, "true rebound", api=f"{origin}/api") != target.is_protected


def test_page_of_another_origin_sends_no_events(page: Page, target: Target, lure: str) -> None:
    page.goto(lure)
    answer = page.evaluate(OPEN_EVENTS, {"api": target.server.api})
    assert answer == ("closed" if target.is_protected else "auth_success")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_another_user_of_the_machine_runs_nothing_and_finds_no_password(target: Target) -> None:
    pids = [
        process.pid
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get("PREFECT_HOME") == str(target.home)
    ]
    assert len(pids) >= 2
    files = [str(file) for file in target.home.rglob("*") if file.is_file()]
    files += [f"/proc/{pid}/{name}" for pid in pids for name in ("cmdline", "environ")]
    orders = {
        "api": target.server.api,
        "command": "true nobody",
        "password": target.server.password,
        "files": files,
    }
    command = [sys.executable, "-c", AS_NOBODY]
    done = subprocess.run(command, input=json.dumps(orders), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"answer": 403 if target.is_protected else 200, "found": []}
    assert bool(target.attempts("true nobody")) != target.is_protected


def test_serving_warns_of_a_server_without_a_password(target: Target) -> None:
    command = [sys.executable, "-c", "from dcgan.flows import server; server.warn_of_settings()"]
    done = subprocess.run(command, env=target.server.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ("this Prefect server has no password" in done.stderr) != target.is_protected


def log_in(page: Page, target: Target, version: str) -> None:
    """Open one of the two versions of the pages, and give it the password."""
    address = f"http://127.0.0.1:{target.server.port}"
    page.context.add_cookies([{"name": "prefect_ui_version", "value": version, "url": address}])
    page.goto(address)
    field = page.locator("input[type=password]").first
    field.fill(target.server.password)
    field.press("Enter")
    expect(page.get_by_text("Deployments").first).to_be_visible()


@pytest.mark.parametrize("target", ["protected"], indirect=True)
def test_pages_are_for_those_who_have_the_password(page: Page, target: Target) -> None:
    deployment = f"http://127.0.0.1:{target.server.port}/deployments/deployment/{target.deployment}"
    page.goto(deployment)
    expect(page.locator("input[type=password]").first).to_be_visible()
    expect(page.get_by_text("digits")).to_have_count(0)
    log_in(page, target, "v2")
    page.goto(deployment)
    expect(page.get_by_text("digits").first).to_be_visible()


@pytest.fixture(scope="module")
def shown(made_up: Target, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Pages that tell of a class with an evil name: address by what is there."""
    made = make_run(tmp_path_factory.mktemp("run"))
    write_noise(made.run.sample_grid, 0)
    outcome = made.outcome.classes[SCRIPT].model_copy(update={"verdict": Verdict.WITHHELD, "reason": EVIL})
    told = {"job": "evil", "state": f"Completed: 1 class withheld ({EVIL})", "classes": {EVIL: outcome}}
    places = {"samples": str(made.run.sample_grid), "report": "/outputs/report.html"}
    result = RunResult.model_validate(dict(made.outcome) | told | places)
    environment = made_up.server.environment | {"PREFECT_LOGGING_LEVEL": "ERROR"}
    command, given = [sys.executable, "-c", SHOW, str(made.run.root)], result.model_dump_json()
    done = subprocess.run(command, env=environment, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run_id = done.stdout.strip()

    def artifacts() -> dict[str, str]:
        return {artifact["key"] or artifact["type"]: artifact["id"] for artifact in made_up.server.artifacts(run_id)}

    wait_for("the artifacts", lambda: len(artifacts()) == 4)
    wait_for("the task", lambda: made_up.server.tasks(run_id))
    [task] = made_up.server.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
    places = {name: f"artifacts/artifact/{artifact}" for name, artifact in artifacts().items()}
    return places | {"run": f"runs/flow-run/{run_id}", "task": f"runs/task-run/{task['id']}", "all": "artifacts"}


@pytest.mark.parametrize("target", ["protected"], indirect=True)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_name_of_a_class_is_only_a_name_in_the_pages(
    page: Page, target: Target, shown: dict[str, str], version: str
) -> None:
    evil: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        evil.append(f"dialog {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.on("request", lambda request: evil.append(request.url) if EVIL_URL.search(request.url) else None)
    log_in(page, target, version)
    for name, place in shown.items():
        page.goto(f"http://127.0.0.1:{target.server.port}{'/v2' if version == 'v2' else ''}/{place}")
        told = page.get_by_text("stop_sign").or_(page.get_by_text("evil")).first
        expect(told).to_be_visible()
        page.wait_for_load_state("networkidle")
        made = page.evaluate("[...document.querySelectorAll('a, img')].map(made => String(made.href || made.src))")
        evil += [f"{name}: {url}" for url in made if EVIL_URL.search(url)]
        if name in ("evil-classes", "progress"):
            expect(page.get_by_text(SHOWN).first).to_be_visible()
    assert evil == []
