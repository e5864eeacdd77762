"""The Prefect server that records runs and schedules them, where the user has one."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from dcgan.errors import ConfigError

TIMEOUT_SECONDS = 10
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
