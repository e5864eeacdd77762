"""Background processes. A folder keeps for each, by name, which process it is (`.json`) and its output (`.log`)."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from dcgan.errors import ServerError
from dcgan.files import storage
from dcgan.flows.server import last_words

START_SECONDS = 120  # a server's first start makes the database
STOP_SECONDS = 30  # then it is killed


@dataclass(frozen=True)
class Background:
    """A background process."""

    folder: Path
    name: str

    def process(self) -> psutil.Process | None:
        """The process, if it is still running and not another one with the same id."""
        if self._record.exists():
            known = storage.read_json(self._record)
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(known["pid"])
                if process.create_time() == known["started"] and process.status() != psutil.STATUS_ZOMBIE:
                    return process
        return None

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            process = subprocess.Popen(  # noqa: S603 (Prefect, as `local` names it)
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        storage.write_json(self._record, {"pid": process.pid, "started": psutil.Process(process.pid).create_time()})

    def wait(self, is_ready: Callable[[], bool]) -> None:
        """Wait until it is ready.

        Raises:
            ServerError: it has ended, or takes too long; the message has the end of its log.
        """
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if self.process() is None or time.monotonic() > deadline:
                end = last_words(self._log.read_text(encoding="utf-8", errors="replace"))
                raise ServerError(f"the {self.name} did not start. Its log {self._log} ends:\n{end}")
            time.sleep(0.3)

    def end(self) -> bool:
        """End it and everything that it started, gracefully if they end in time; returns whether it was running.

        What it started comes first: a run can still tell the server that it was interrupted.
        """
        process = self.process()
        if process is not None:
            family = [process, *process.children(recursive=True)]
            _send(psutil.Process.terminate, process.children())
            _send(psutil.Process.terminate, [process])
            _send(psutil.Process.kill, family)
        self._record.unlink(missing_ok=True)
        return process is not None

    @property
    def _record(self) -> Path:
        return self.folder / f"{self.name}.json"

    @property
    def _log(self) -> Path:
        return self.folder / f"{self.name}.log"


def _send(signal: Callable[[psutil.Process], None], processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            signal(process)
    psutil.wait_procs(processes, timeout=STOP_SECONDS)
