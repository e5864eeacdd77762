"""A real Prefect server on loopback, what tests ask it, workers, and a webhook that hears what people are told."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from filelock import FileLock

from dcgan.flows.server import new_password, protection, upkeep
from tests.object_store import free_port
from tests.processes import ending_with_us

ROOT = Path(__file__).parents[1]
PREFECT = str(Path(sys.executable).with_name("prefect"))
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
# The program `prefect`, which does not look for garbage among what a server loads: two seconds less for start and end.
SERVER = """
from dcgan.execution.garbage import without_collection
with without_collection():
    import prefect.server.api.server
    from prefect.cli import app
app()
"""
DATABASE = """
import asyncio
from dcgan.execution.garbage import without_collection
with without_collection():
    from prefect.server.database import provide_database_interface
asyncio.run(provide_database_interface().create_db())
"""
# By default a worker, and `dcgan serve`, ask every ten seconds whether there is a run to start.
IMPATIENCE = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_RUNNER_POLL_FREQUENCY": "1"}


def wait_for(what: str, check: Callable[[], Any], seconds: float = 300, every: float = 0.2) -> Any:
    """Ask again, every so many seconds, until `check` gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(every)
    raise AssertionError(f"{what} did not come within {seconds} s")


@dataclass
class Server:
    """A server with a port and a password of its own; what it recorded outlives a restart."""

    own_environment: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=new_password)
    is_protected: bool = True
    process: subprocess.Popen[bytes] | None = None

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def environment(self) -> dict[str, str]:
        """Of the server, and of who talks to it."""
        client = protection(self.port, self.password) if self.is_protected else {"PREFECT_API_URL": self.api}
        return self.own_environment | IMPATIENCE | client | upkeep()

    def start(self) -> None:
        command = [sys.executable, "-c", SERVER, "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(ending_with_us(command), env=self.environment, stdout=log, stderr=log)
        wait_for("the server", self.answers)

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api}/health", timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def ask(self, path: str, content: dict[str, Any] | None = None) -> Any:
        """Post to the API, or get. A server that is slow, or whose SQLite is locked, is asked again."""
        data = None if content is None else json.dumps(content).encode()
        headers = {"Content-Type": "application/json"}
        if self.is_protected:
            headers["Authorization"] = f"Basic {base64.b64encode(self.password.encode()).decode()}"
            if data is not None:
                client = str(uuid.uuid4())
                token = self.ask(f"/csrf-token?client={client}")["token"]
                headers |= {"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}
        request = urllib.request.Request(f"{self.api}{path}", data, headers)
        for tries_left in reversed(range(10)):
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    return json.loads(response.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code != 503 or not tries_left:
                    raise
            except TimeoutError:
                if not tries_left:
                    raise
            time.sleep(1)
        raise AssertionError

    def deployment(self, name: str) -> dict[str, Any] | None:
        """The deployment of that name, when there is one."""
        found = self.ask("/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        return dict(found[0]) if found else None

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        """Flow runs, oldest first."""
        return list(self.ask("/flow_runs/filter", {"sort": "START_TIME_ASC", **filters}))

    def start_run(self, deployment: str, **parameters: Any) -> str:
        """Trigger a run; gives its id."""
        found = self.deployment(deployment)
        assert found is not None
        return str(self.ask(f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        return dict(self.ask(f"/flow_runs/{run_id}"))

    def ended(self, run_id: str, seconds: float = 400) -> dict[str, Any]:
        """The run, when it has ended."""

        def look() -> dict[str, Any] | None:
            run = self.run(run_id)
            return run if run["state"]["type"] in ENDED else None

        # To answer takes a server a hundredth of a second, which the run needs.
        return dict(wait_for("the end of the run", look, seconds, every=0.5))

    def tasks(self, run_id: str) -> dict[str, str]:
        """State by name of a run's tasks."""
        found = self.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})
        return {task["name"]: (task["state"] or {"type": "PENDING"})["type"] for task in found}

    def artifacts(self, run_id: str) -> list[dict[str, Any]]:
        return list(self.ask("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}}))

    def attempt(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command that talks to the server."""
        return subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )

    def do(self, *command: str) -> str:
        """A command that must go well; gives what it says."""
        done = self.attempt(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextmanager
def running_server(environment: dict[str, str], log: Path) -> Iterator[Server]:
    """Started for the time of the block."""
    server = Server(environment, log)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def make_database(file: Path) -> None:
    """Have Prefect make the database of a server that has recorded nothing yet."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    home = file.with_suffix(".home")
    subprocess.run([sys.executable, "-c", DATABASE], env=others | {"PREFECT_HOME": str(home)}, check=True)
    (home / file.name).rename(file)


@contextmanager
def shared_server(environment: dict[str, str], database: Path, folder: Path) -> Iterator[Server]:
    """A server that several processes share: the first starts it, and stops it when no other needs it any more.

    Args:
        environment: of the server.
        database: that it begins with.
        folder: its home, the same for all of these processes.
    """
    folder.mkdir(exist_ok=True)
    record, own = folder / "server.json", environment | {"PREFECT_HOME": str(folder)}
    with contextlib.ExitStack() as stack:
        users = stack.enter_context((folder / "users").open("w"))
        with FileLock(folder / "lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            if begins := not record.exists():
                shutil.copyfile(database, folder / database.name)
                server = Server(own, folder / "log")
                server.start()
                record.write_text(json.dumps([server.port, server.password]), encoding="utf-8")
            else:
                server = Server(own, folder / "log", *json.loads(record.read_text(encoding="utf-8")))
        try:
            yield server
        finally:
            fcntl.flock(users, fcntl.LOCK_UN)
            while begins:
                with FileLock(folder / "lock"), contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    record.unlink()
                    server.stop()
                    begins = False
                time.sleep(0.2)


@contextmanager
def process_of(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, all of which ends with the block."""
    with log.open("a") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


class Webhook:
    """A server on loopback that takes what is posted to it; posts to `/refused` it refuses."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                heard.append({"path": self.path, "content": json.loads(content)})
                self.send_response(404 if self.path.startswith("/refused") else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def save_blocks(self, server: Server, secret: str, *names: str) -> None:
        """Save blocks that post here, each to the path of its name, with a token that is among its secrets."""
        code = (
            "import sys; from prefect.blocks.notifications import CustomWebhookNotificationBlock as Block\n"
            "address, token, *names = sys.argv[1:]\n"
            "for name in names:\n"
            "    Block(name='test', url=f'{address}/{name}?token={{{{token}}}}', secrets={'token': token},"
            " json_data={'subject': '{{subject}}', 'body': '{{body}}'}).save(name, overwrite=True)"
        )
        server.do(sys.executable, "-c", code, self.address, secret, *names)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
