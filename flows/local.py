"""`make up` and `make down`: a Prefect server on loopback, a worker, and the demo's deployment with its schedule.

What they keep lies in one folder, which is also Prefect's home, so that no settings and runs of the user's own are
touched: `<name>.json` tells which process goes, `<name>.log` what it said.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from dcgan.data.demo import write_demo
from dcgan.errors import ConfigError, DcganError, StageError
from dcgan.files import storage
from dcgan.flows.server import LEASES

POOL = "dcgan"
PREFECT = str(Path(sys.executable).with_name("prefect"))
DCGAN = str(Path(sys.executable).with_name("dcgan"))
START_SECONDS = 120  # a first start makes the database
STOP_SECONDS = 30  # then it is killed
KEEP_SECONDS = 90 * 24 * 3600  # Prefect's own records of a run


@dataclass(frozen=True)
class Place:
    """Where the server listens and keeps its records."""

    home: Path
    port: int

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """For the server, the worker, and commands that talk to the server."""
        return os.environ | {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": f"{self.ui}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            # Who holds a slot of a concurrency limit is known to a server that is started again, so that runs go on.
            **dict([LEASES.split("=")]),
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(KEEP_SECONDS),
        }


def up(place: Place, outputs: Path) -> None:
    """Start what is not there yet, and say where it is. Call in the folder of `prefect.yaml`.

    Raises:
        ConfigError: the port is taken, or there is a server of this folder on another port.
        StageError: something did not start; the message has the end of its log.
    """
    write_demo(outputs)
    place.home.mkdir(parents=True, exist_ok=True)
    if _process(place, "server") is None:
        _require_free(place.port)
        command = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(place.port)]
        _start(place, "server", command)
    elif (port := _record(place, "server")["port"]) != place.port:
        raise ConfigError(f"the server of {place.home} listens on port {port}: `make down` first, or leave PORT out")
    _wait(place, "server", lambda: _ask(f"{place.ui}/api/health") is True)
    _do(place, [PREFECT, "work-pool", "create", POOL, "--type", "process", "--overwrite"])
    _do(place, [PREFECT, "--no-prompt", "deploy", "--all"])
    _do(place, [DCGAN, "automate"])
    if _process(place, "worker") is None:
        _start(place, "worker", [PREFECT, "worker", "start", "--pool", POOL])
    _wait(place, "worker", lambda: _ask(f"{place.ui}/api/work_pools/{POOL}")["status"] == "READY")
    print(
        f"Pages       {place.ui}\n"
        "Deployment  dcgan-augment/digits, every night at two (prefect.yaml)\n"
        f"Run it now  PREFECT_API_URL={place.ui}/api {PREFECT} deployment run dcgan-augment/digits\n"
        f"Records     {place.home}\n"
        "End it      make down"
    )


def down(place: Place) -> None:
    """End what goes; a run that is under way is interrupted, and the next one resumes it."""
    for name in ("worker", "server"):
        process = _process(place, name)
        if process is None:
            print(f"No {name} goes")
        else:
            _end(process)
            print(f"The {name} has ended")
        _file(place, name).unlink(missing_ok=True)


def _file(place: Place, name: str) -> Path:
    return place.home / f"{name}.json"


def _record(place: Place, name: str) -> dict[str, float]:
    """Process id, port and time of start, in s since 1970, of what was started; {} when nothing was."""
    file = _file(place, name)
    return dict(storage.read_json(file)) if file.exists() else {}


def _process(place: Place, name: str) -> psutil.Process | None:
    """What was started under that name, if it still goes: another process may have its id by now."""
    if record := _record(place, name):
        try:
            process = psutil.Process(int(record["pid"]))
            if process.create_time() == record["started"] and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.NoSuchProcess:
            pass
    return None


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                f"port {port} is taken by another program ({error.strerror}): name another, such as `make up PORT=4300`"
            ) from error


def _start(place: Place, name: str, command: list[str]) -> None:
    with (place.home / f"{name}.log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, env=place.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    started = psutil.Process(process.pid).create_time()
    storage.write_json(_file(place, name), {"pid": process.pid, "started": started, "port": place.port})


def _wait(place: Place, name: str, is_there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_there():
        if _process(place, name) is None or time.monotonic() > deadline:
            log = place.home / f"{name}.log"
            tail = log.read_text(encoding="utf-8", errors="replace")[-1500:].strip()
            raise StageError(f"the {name} did not start. Its log {log} ends: {tail}")
        time.sleep(0.3)


def _ask(address: str) -> Any:
    """What the server answers; {"status": ""} while it does not."""
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return json.load(response)
    except OSError:
        return {"status": ""}


def _do(place: Place, command: list[str]) -> None:
    done = subprocess.run(command, env=place.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StageError(f"`{' '.join(command)}` failed: {(done.stdout + done.stderr)[-1500:].strip()}")


def _end(process: psutil.Process) -> None:
    """End a process and all that it started, in good order if they do so in time.

    What it started comes first: a run can still tell the server that it was interrupted.
    """
    family = [process, *process.children(recursive=True)]
    children = process.children()
    for child in children:
        child.terminate()
    psutil.wait_procs(children, timeout=STOP_SECONDS)
    if process.is_running():
        process.terminate()
    _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for member in alive:
        member.kill()
    psutil.wait_procs(alive)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("up", "down"))
    parser.add_argument("--port", type=int, default=4200)
    parser.add_argument("--outputs", type=Path, default=Path("outputs"))
    arguments = parser.parse_args()
    place = Place((arguments.outputs / ".prefect").resolve(), arguments.port)
    try:
        up(place, arguments.outputs) if arguments.what == "up" else down(place)
    except DcganError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
