"""Prefect's embedded server: it records one run, schedules nothing, and ends with the process that started it.

Prefect would start one by itself, but without a password, and wait for two minutes for one that has failed to start.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import prefect
from prefect.context import refresh_global_settings_context
from prefect.settings import PREFECT_HOME

from dcgan.errors import ServerError, StorageError
from dcgan.execution import interruption
from dcgan.flows import server

log = logging.getLogger(__name__)

START_SECONDS = 120  # a first start makes the database
STOP_SECONDS = 10  # then it is killed
LOG_BYTES = 4000  # of its end
RETRIES = "PREFECT_CLIENT_MAX_RETRIES"
# As `python -m uvicorn`; without looking for garbage while Prefect is loaded, which takes a quarter less time.
UVICORN = "import gc; gc.disable(); import prefect.server.api.server, uvicorn; gc.freeze(); gc.enable(); uvicorn.main()"


@contextmanager
def embedded_server() -> Iterator[Callable[[], threading.Event]]:
    """For the time of the block, run a server on a free port of loopback, with a password that nobody else knows.

    Yields:
        Waits until the server answers, which may take seconds; gives an event that is set when the server ends before
        the block does. Raises:
            ServerError: the server does not start; the message has the end of its log.
            Interrupted: the run was stopped before it did.

    Raises:
        StorageError: Prefect's home cannot be written to.
    """
    _require_writable(PREFECT_HOME.value())
    log.info("Starting Prefect's embedded server (longer the first time, when it creates its database)")
    port = _free_port()
    settings = server.protection(port, server.new_password())
    with (
        _environment(settings),
        tempfile.TemporaryFile() as said,
        _started(port, said) as process,
        ExitStack() as until_the_end,
    ):

        def ready() -> threading.Event:
            _wait(process, settings, said)
            return until_the_end.enter_context(_watched(process, said))

        yield ready


def _require_writable(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"x")
    except OSError as error:
        raise StorageError(
            f"cannot write to Prefect's home {home}: {error.strerror}. Set PREFECT_HOME to a folder where you can write"
        ) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Settings of Prefect in all threads of this process, and in processes that it starts."""
    before = {name: os.environ.get(name) for name in (*settings, RETRIES)}
    os.environ.update(settings)
    refresh_global_settings_context()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        refresh_global_settings_context()


@contextmanager
def _started(port: int, said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The server's process, in a session of its own, so that Ctrl-C does not end it before the run has reported."""
    packages = Path(prefect.__file__).parents[1]
    command = [sys.executable, "-P", "-c", UVICORN, "--app-dir", str(packages)]
    command += ["--factory", "prefect.server.api.server:create_app", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--log-level", "error", "--lifespan", "on"]
    own = {
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR",  # else it would not say why it does not start
    }
    process = subprocess.Popen(  # noqa: S603 (Python, and Prefect's own module)
        command,
        env=os.environ | own,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        start_new_session=True,
    )
    # A shell that reads from this process, and so learns of its end from the system, also when it is killed.
    last_will = ["/bin/sh", "-c", 'read -r _; kill "$0"', str(process.pid)]
    executor = subprocess.Popen(  # noqa: S603 (nothing in it is from outside)
        last_will, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        executor.kill()
        executor.communicate()
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], settings: Mapping[str, str], said: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.ask(settings, "/admin/version") is None:
        interruption.raise_if_requested("the start of Prefect's embedded server")
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerError(
                f"Prefect's embedded server did not start. Its home is {PREFECT_HOME.value()}, and its log ends:\n"
                f"{_last_words(said)}"
            )
        time.sleep(0.05)


@contextmanager
def _watched(process: subprocess.Popen[bytes], said: IO[bytes]) -> Iterator[threading.Event]:
    """If the server ends before the block does, say so, and let nothing wait for its answers."""
    gone, stopping = threading.Event(), threading.Event()

    def watch() -> None:
        process.wait()
        if stopping.is_set():
            return
        gone.set()
        os.environ[RETRIES] = "0"
        refresh_global_settings_context()
        end = f". Its log ends:\n{words}" if (words := _last_words(said)) else ""
        log.warning(
            "Prefect's embedded server has ended: its record of this run is incomplete, and the run goes on%s", end
        )

    threading.Thread(target=watch, name="embedded server", daemon=True).start()
    try:
        yield gone
    finally:
        stopping.set()


def _last_words(said: IO[bytes]) -> str:
    size = os.fstat(said.fileno()).st_size
    # By `pread`, since the server writes at the file's position.
    return server.last_words(os.pread(said.fileno(), LOG_BYTES, max(0, size - LOG_BYTES)).decode(errors="replace"))
