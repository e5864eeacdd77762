"""A real Dask cluster on loopback, whose workers share no folder and can be killed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.object_store import free_port

DEADLINE_SECONDS = 900  # of a machine that others work on too
DASK = [str(Path(sys.executable).with_name("dask"))]


def wait_until(is_so: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
    """Wait for something to be true, and give it."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)
    return found


@dataclass
class Cluster:
    """A Dask scheduler and its workers."""

    root: Path
    port: int
    environment: dict[str, str]
    """Of who starts a run."""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """All that were ever started."""
    homes: list[Path] = field(default_factory=list)
    """Each worker's working directory."""
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def address(self) -> str:
        """As `run.on`."""
        return f"dask://127.0.0.1:{self.port}"

    def add_workers(self, num: int) -> None:
        """Start workers with folders of their own, and wait until the scheduler knows them."""
        options = (f"tcp://127.0.0.1:{self.port}", "--nthreads", "1", "--no-nanny", "--no-dashboard")
        names = [f"worker-{len(self.workers) + 1 + number}" for number in range(num)]
        for name in names:
            own = {"PREFECT_HOME": str(self.root / name / "prefect")}
            self.workers.append(self.start(name, "worker", *options, environment=own))
            self.homes.append(self.root / name)
        wait_until(lambda: all("Registered to" in (self.root / name / "log").read_text() for name in names))

    def start(self, name: str, *arguments: str, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start one of Dask's programs, which ends with the cluster."""
        home = self.root / name
        home.mkdir()
        own = {variable: str(home / variable) for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "HOME")}
        with (home / "log").open("wb") as log:
            environment = self.environment | own | (environment or {})
            process = subprocess.Popen([*DASK, *arguments], cwd=home, env=environment, stdout=log, stderr=log)
        self._stack.callback(kill_family, process)
        return process


def kill_family(process: subprocess.Popen[Any]) -> None:
    """Kill a process and all that it has started."""
    family = []
    if alive(process):
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.wait()


def alive(process: subprocess.Popen[Any]) -> bool:
    return process.poll() is None


@contextmanager
def running_cluster(root: Path, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """Start a scheduler, for the time of the block; its workers end with it.

    Args:
        root: folder for all of it.
        environment: how workers, and who starts a run, reach Prefect's server and the store.
    """
    # Dask's profiler can lock a worker up, see docs/how-to/cluster.md.
    shared = {**environment, "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
    own = {variable: str(root / variable) for variable in ("XDG_CACHE_HOME", "XDG_STATE_HOME")}
    with ExitStack() as stack:
        cluster = Cluster(root, free_port(), shared | own, _stack=stack)
        cluster.start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", str(cluster.port), "--no-dashboard")
        yield cluster
