"""A Dask cluster: tasks go to its workers, when there is one that answers."""

from __future__ import annotations

from typing import Self

import distributed
from prefect_dask.task_runners import DaskTaskRunner

from dcgan.errors import ConfigError
from dcgan.flows import server

TIMEOUT_SECONDS = 5
HELP = """
  start a scheduler:  dask scheduler
  and on each machine that shall work:  dask worker tcp://HOST:8786 --nthreads 1"""


class ClusterTaskRunner(DaskTaskRunner):
    """Prefect's, but that it asks first whether the scheduler is there: by itself it would wait for half a minute."""

    def __enter__(self) -> Self:
        assert self.address is not None
        if not _on_worker():  # where Prefect opens the flow's context again for every task
            require(self.address)
        super().__enter__()  # type: ignore[no-untyped-call]  # prefect-dask has few types
        return self


def _on_worker() -> bool:
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True


def task_runner(on: str) -> ClusterTaskRunner:
    """What sends tasks to a cluster.

    Args:
        on: `run.on`, such as `dask://host:8786`.

    Raises:
        ConfigError: the workers would have no Prefect server to report to.
    """
    if server.address() is None:
        raise ConfigError(
            f"run.on {on}: the workers report to a Prefect server, and PREFECT_API_URL names none:{server.HELP}"
        )
    return ClusterTaskRunner(address=f"tcp://{on.removeprefix('dask://')}")


def require(address: str) -> None:
    """Ask a scheduler for its workers, once.

    Raises:
        ConfigError: it does not answer, or has none.
    """
    problem = f"run.on dask://{address.removeprefix('tcp://')}"
    try:
        with distributed.Client(  # type: ignore[no-untyped-call]  # distributed has few types
            address, timeout=TIMEOUT_SECONDS, set_as_default=False
        ) as client:
            workers = client.scheduler_info()["workers"]
    except (OSError, TimeoutError) as error:
        raise ConfigError(f"{problem}: no Dask scheduler answers there ({error}):{HELP}") from error
    if not workers:
        raise ConfigError(f"{problem}: the Dask scheduler has no workers:{HELP}")
