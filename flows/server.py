"""The Prefect server that records runs and schedules them: what it needs, and whether it is there.

Whoever reaches a Prefect server that has no password can have it run commands: every user of the machine, and every
page that a browser on it shows. Prefect answers requests for any host name, so a page that has its own name point to
this machine is stopped by the password too.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Mapping
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from dcgan.errors import ConfigError
from dcgan.terminal import display

TIMEOUT_SECONDS = 10
NUM_LAST_WORDS = 4  # lines
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # else each request would first read all the authorities there are
KEEP_SECONDS = 90 * 24 * 3600  # Prefect's own records of a run
LEASES = "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=prefect.server.concurrency.lease_storage.filesystem"
HELP = """
  start a server:  prefect server start, with a password: docs/how-to/schedule.md says how
  name it:         export PREFECT_API_URL=http://127.0.0.1:4200/api
                   export PREFECT_API_AUTH_STRING=... (its password)"""


def new_password() -> str:
    """A password in the form that Prefect expects, user and word; 256 random bits."""
    return f"dcgan:{secrets.token_urlsafe(32)}"


def protection(port: int, password: str) -> dict[str, str]:
    """Prefect's settings, for a server on loopback and its clients: it serves only those who know the password."""
    return {
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
        "PREFECT_SERVER_UI_API_URL": "/api",  # its pages ask the origin that they came from, and need no other
    }


def upkeep() -> dict[str, str]:
    """Prefect's settings, for a server that stays for months."""
    return {
        # A server that is restarted still knows who holds a slot of a concurrency limit, so that runs go on.
        **dict([LEASES.split("=")]),
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(KEEP_SECONDS),
    }


def ask(settings: Mapping[str, str], path: str) -> Any:
    """What a server answers under a path, such as `/admin/version`; None while it does not.

    Args:
        settings: see `protection`.
        path: below the API's address.
    """
    user, _, word = settings["PREFECT_API_AUTH_STRING"].partition(":")
    try:
        answer = httpx.get(
            settings["PREFECT_API_URL"] + path, auth=(user, word), timeout=TIMEOUT_SECONDS, verify=NO_TLS
        )
        return answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None


def last_words(log: str) -> str:
    """The last lines of a process's log, without where in the code they come from."""
    lines = [line for line in log.splitlines() if line.strip() and not line.startswith((" ", "\t"))]
    return "\n".join(lines[-NUM_LAST_WORDS:])


def address() -> str | None:
    """What PREFECT_API_URL names, in the environment or in Prefect's own settings."""
    return PREFECT_API_URL.value() or None


def require() -> None:
    """Ask the server whether it is there, once: Prefect itself would wait for it, or start one that schedules nothing.

    Raises:
        ConfigError: none is named, it does not answer, or it refuses the password.
    """
    api = address()
    if api is None:
        raise ConfigError(f"PREFECT_API_URL is not set, and a schedule needs a Prefect server:{HELP}")
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(httpx_settings={"timeout": TIMEOUT_SECONDS}, sync_client=True) as client,
    ):
        try:
            client.raise_for_api_version_mismatch()
        except Exception as error:
            if isinstance(error, httpx.HTTPStatusError) and error.response.status_code == httpx.codes.UNAUTHORIZED:
                raise ConfigError(
                    f"the Prefect server at PREFECT_API_URL={api} refuses the password in PREFECT_API_AUTH_STRING: set "
                    "it to what the server has in PREFECT_SERVER_API_AUTH_STRING. The server that `make up` starts is "
                    "used with PREFECT_HOME=outputs/.prefect instead of both"
                ) from error
            raise ConfigError(
                f"no Prefect server answers at PREFECT_API_URL={api} ({error.__cause__ or error}):{HELP}"
            ) from error


def warn_of_settings() -> None:
    """Tell the user of a server without a password, and of one that forgets who holds a slot of a concurrency limit.

    It does so by default, since it keeps that in memory. When it is restarted, a run that is under way can no longer
    show that it holds its slot, and Prefect ends it within minutes.
    """
    with get_client(sync_client=True) as client:
        settings: dict[str, Any] = client.request("GET", "/admin/settings").json()["server"]
    if settings["api"]["auth_string"] is None:
        display.say(
            "Warning: this Prefect server has no password. Every user of its machine, and every web page that is open "
            "there, can run commands as you. docs/how-to/schedule.md says how to start one that has"
        )
    if settings["concurrency"]["lease_storage"].endswith(".memory"):
        display.say(
            "Warning: when this Prefect server is restarted while a run is under way, that run ends as crashed. To let "
            f"it go on, start the server with {LEASES}"
        )
