"""`make up` and `make down`: a Prefect server on loopback, a worker, and the demo's deployment with its schedule.

All they keep is in one folder, which is also Prefect's home, so that the user's own settings and runs are not touched:
the server's password, Prefect's settings, and of both processes which one it is and its log.

Prefect's own `server start --background` keeps no log, does not wait until the server is ready, and knows no worker.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from dcgan.data.demo import write_demo
from dcgan.errors import ConfigError, DcganError, ServerError
from dcgan.flows import server
from dcgan.flows.background import Background

POOL = "dcgan"
PREFECT = str(Path(sys.executable).with_name("prefect"))
DCGAN = str(Path(sys.executable).with_name("dcgan"))


def up(home: Path, port: int, outputs: Path) -> None:
    """Start what is not running yet, and say where it is. Call in the folder of `prefect.yaml`.

    Raises:
        ConfigError: the port is taken, or the server that is running has other settings.
        ServerError: something did not start; the message has the end of its log.
    """
    write_demo(outputs)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    settings = _settings(port, _password(home))
    profile, text = home / "profiles.toml", _profile(settings)
    in_background, worker = Background(home, "server"), Background(home, "worker")
    if in_background.process() is None:
        _require_free(port)
        _write_private(profile, text)
        in_background.start(
            [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)], _environment(home)
        )
    elif not profile.exists() or profile.read_text(encoding="utf-8") != text:
        raise ConfigError(f"the server of {home} is running on another port or with other settings: `make down` first")
    in_background.wait(lambda: server.ask(settings, "/admin/version") is not None)
    _do(home, PREFECT, "work-pool", "create", POOL, "--type", "process", "--overwrite")
    _do(home, PREFECT, "--no-prompt", "deploy", "--all")
    _do(home, DCGAN, "automate")
    if worker.process() is None:
        worker.start([PREFECT, "worker", "start", "--pool", POOL], _environment(home))
    worker.wait(lambda: (server.ask(settings, f"/work_pools/{POOL}") or {}).get("status") == "READY")
    print(
        f"Pages       http://127.0.0.1:{port}\n"
        f"Password    in {home / 'password'}, which only you can read\n"
        "Deployment  dcgan-augment/digits, every night at two (prefect.yaml)\n"
        f"Run it now  PREFECT_HOME={home} {PREFECT} deployment run dcgan-augment/digits\n"
        f"Your job    PREFECT_HOME={home} {DCGAN} serve job.yaml\n"
        f"Records     {home}\n"
        "End it      make down"
    )


def down(home: Path) -> None:
    """End what is running; a run that is under way is interrupted, and the next one resumes it."""
    for name in ("worker", "server"):
        print(f"The {name} has ended" if Background(home, name).end() else f"No {name} is running")


def _password(home: Path) -> str:
    """The server's password; the first `make up` makes it."""
    file = home / "password"
    if not file.exists():
        _write_private(file, server.new_password())
    return file.read_text(encoding="utf-8").strip()


def _settings(port: int, password: str) -> dict[str, str]:
    """Prefect's, of the server and its clients."""
    return server.protection(port, password) | server.upkeep() | {"PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


def _profile(settings: dict[str, str]) -> str:
    """Settings as Prefect reads them from its home."""
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    return f'active = "{POOL}"\n\n[profiles.{POOL}]\n{"".join(lines)}'


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, and that is there as a whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # of mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(temporary).replace(path)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                f"port {port} is taken by another program ({error.strerror}): name another, such as `make up PORT=4300`"
            ) from error


def _environment(home: Path) -> dict[str, str]:
    """Of the server, the worker and commands: what the user has set for another server does not count."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return others | {"PREFECT_HOME": str(home), "DO_NOT_TRACK": "1"}


def _do(home: Path, *command: str) -> None:
    done = subprocess.run(  # noqa: S603 (Prefect's commands, as `up` names them)
        command, env=_environment(home), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServerError(f"`{' '.join(command)}` failed:\n{server.last_words(done.stdout + done.stderr)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("up", "down"))
    parser.add_argument("--port", type=int, default=4200)
    parser.add_argument("--outputs", type=Path, default=Path("outputs"))
    arguments = parser.parse_args()
    home = (arguments.outputs / ".prefect").resolve()
    try:
        up(home, arguments.port, arguments.outputs) if arguments.what == "up" else down(home)
    except DcganError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
