"""The Prefect server that records runs and schedules them, where the user has one."""

from __future__ import annotations

import atexit
import subprocess

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from dcgan.cli.terminal import display
from dcgan.errors import ConfigError

TIMEOUT_SECONDS = 10
LEASES = "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=prefect.server.concurrency.lease_storage.filesystem"
HELP = """
  start a server:  prefect server start
  name it:         prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api
                   or the environment variable: export PREFECT_API_URL=http://127.0.0.1:4200/api"""


def address() -> str | None:
    """What PREFECT_API_URL names, in the environment or in Prefect's own settings."""
    return PREFECT_API_URL.value() or None


def require() -> None:
    """Ask the server whether it is there, once: Prefect itself would wait for it, or start one that schedules nothing.

    Raises:
        ConfigError: none is named, or it does not answer.
    """
    api = address()
    if api is None:
        raise ConfigError(f"PREFECT_API_URL is not set, and a schedule needs a Prefect server:{HELP}")
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(httpx_settings={"timeout": TIMEOUT_SECONDS}, sync_client=True) as client,
    ):
        problem = client.api_healthcheck()
    if problem is not None:
        raise ConfigError(f"no Prefect server answers at PREFECT_API_URL={api} ({problem}):{HELP}")


def start_embedded() -> None:
    """Start Prefect's embedded server, which ends with this process: also when that is killed."""
    from prefect.server.api.server import SubprocessASGIServer  # noqa: PLC0415 (heavy, and often not needed)

    server = SubprocessASGIServer()
    server.start()
    assert server.server_process is not None
    # A shell that reads from this process, and so is told of its end by the system.
    command = ["sh", "-c", 'read -r _; kill "$0"', str(server.server_process.pid)]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)

    def dismiss() -> None:  # where the process ends by itself, Prefect stops the server
        watcher.kill()
        watcher.wait()

    atexit.register(dismiss)


def warn_if_it_forgets() -> None:
    """Tell the user of a server that keeps in its memory who holds a slot of a concurrency limit, as is its default.

    When it is started again, a run that goes can no longer show that it holds one, and Prefect ends it within minutes.
    """
    with get_client(sync_client=True) as client:
        settings = client.request("GET", "/admin/settings").json()
    if settings["server"]["concurrency"]["lease_storage"].endswith(".memory"):
        display.say(
            "Warning: when this Prefect server is started again while a run goes, that run ends as crashed. So that it "
            f"goes on, start the server with {LEASES}"
        )
