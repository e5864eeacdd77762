"""A PostgreSQL cluster of Debian's, in a folder of its own, for the time of a block."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.object_store import free_port

USER = "postgres"  # Debian's package makes it; PostgreSQL refuses to run as root


def _programs() -> Path:
    """Folder of the newest version's programs, which Debian keeps off the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parents[1].name))
    if not versions:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql, or `make test` as root on Debian")
    return versions[-1].parent


@contextmanager
def running_postgres() -> Iterator[str]:
    """Gives the connection URL of an empty database, as Prefect takes it."""
    programs, port = _programs(), free_port()
    as_user: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="dcgan-postgres-"))  # pytest's folders can be entered by this user alone
    if os.geteuid() == 0:
        as_user = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups", "--"]
        shutil.chown(folder, USER, pwd.getpwnam(USER).pw_gid)

    def do(program: str, *arguments: str) -> None:
        command = [*as_user, str(programs / program), *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    data = str(folder / "data")
    try:
        do("initdb", "--pgdata", data, "--username", "prefect", "--auth", "trust", "--encoding", "UTF8", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        do("pg_ctl", "--pgdata", data, "--wait", "--options", options, "--log", str(folder / "log"), "start")
        try:
            do("createdb", "--host", "127.0.0.1", "--port", str(port), "--username", "prefect", "prefect")
            yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/prefect"
        finally:
            do("pg_ctl", "--pgdata", data, "--wait", "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
