"""Starting worker processes, hearing their progress, and telling how they ended."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan import errors
from dcgan.devices import Slots, gpus
from dcgan.paths import escape
from dcgan.progress import OnProgress, Progress

LOG_TAIL = 1500  # characters of a dead worker's log that its error message shows


@dataclass(frozen=True)
class Work:
    """One piece of work for one process."""

    run: str
    """Folder of the run."""
    stage: str
    """judge, base, training, generation, making (both of them), share, evaluation or measures."""
    threads: int
    """Threads that TensorFlow may use."""
    label: str = ""
    """Class name, for training, generation and making."""
    max_seconds: float | None = None
    """Life of the process, for training (of a making, until it is trained). None: no limit."""
    number: int = 0
    """Images wanted, for generation and making."""
    numbers: tuple[int, ...] = ()
    """Folds, for share, or seeds, for evaluation: one after the other."""
    per_gpu: int = 1
    """Processes on one GPU at a time."""

    @property
    def title(self) -> str:
        return f"{self.stage} of class {self.label!r}" if self.label else self.stage


class Workers:
    """The processes that this process has started; all of them can be stopped at once, from any thread."""

    def __init__(self, devices: Sequence[str] = ()) -> None:
        """None yet.

        Args:
            devices: GPUs that they share, see `devices.gpus`.
        """
        self._lock = threading.RLock()  # a signal's handler may call `stop` in the thread that is starting a worker
        self._alive: dict[subprocess.Popen[str], str] = {}
        self._ended: set[str] = set()
        self._slots = Slots(devices)
        self.stopped = False

    def stop(self) -> None:
        """End all workers now, and let no more begin. What they had saved stays, and is resumed from."""
        self.stopped = True
        with self._lock:
            for process in self._alive:
                process.terminate()

    def end(self, run: str) -> None:
        """End the workers of one run now, by the name of its folder, and let none begin before `allow`."""
        with self._lock:
            self._ended.add(run)
            for process, of_run in self._alive.items():
                if of_run == run:
                    process.terminate()

    def allow(self, run: str) -> None:
        """Let workers of a run begin again."""
        with self._lock:
            self._ended.discard(run)

    def perform(self, work: Work, on_progress: OnProgress) -> dict[str, Any]:
        """Run a worker to its end.

        Args:
            work: what to do.
            on_progress: called in this thread with every report, with stage and label added.

        Returns:
            The stage's record.

        Raises:
            DcganError: the one that the worker raised.
            StageError: the worker died without a word, killed by a signal or by a fault; the message tells.
            Interrupted: `stop` was called, or `end` of this run.
        """
        log = Path(work.run) / "logs" / f"{work.stage}-{escape(work.label) or min(work.numbers, default=0)}.log"
        log.parent.mkdir(exist_ok=True)
        outcome: dict[str, Any] = {}
        doing = work
        environment = os.environ | {
            "KERAS_BACKEND": "tensorflow",
            "OMP_NUM_THREADS": str(work.threads),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "PYTHONHASHSEED": "0",
        }
        command = [sys.executable, "-m", "dcgan.worker", json.dumps(dataclasses.asdict(work))]
        with (
            self._slots.take(work.per_gpu, lambda: self.raise_if_stopped(work.title, work.run)) as place,
            log.open("a", encoding="utf-8") as log_file,
            self.start(
                command, work.title, work.run, stdin=subprocess.DEVNULL, stderr=log_file, env=environment | place
            ) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                said = json.loads(line)
                if "progress" in said:
                    progress: Progress = said["progress"]
                    doing = dataclasses.replace(work, stage=progress.get("stage", work.stage))
                    on_progress(progress | {"stage": doing.stage, "label": doing.label})
                outcome = said
        self.forget(process)
        self.raise_if_stopped(work.title, work.run)
        if process.returncode == 0 and "result" in outcome:
            return dict(outcome["result"])
        if "error" in outcome:
            raise getattr(errors, outcome["error"]["kind"])(outcome["error"]["message"])
        raise errors.StageError(f"{doing.title}: {_how_it_died(process.returncode)}. Its log {log} ends: {_tail(log)}")

    def start(self, command: list[str], title: str, run: str = "", **streams: Any) -> subprocess.Popen[str]:
        """Start a process that `stop` ends; `forget` it when it has ended.

        Args:
            command: program and arguments.
            title: of its work, for messages.
            run: folder of the run that it works for; `end` of that run ends it too.
            streams: `stdin`, `stderr`, `env`, as for `Popen`. What it says on standard output is read.

        Raises:
            Interrupted: `stop` was called, or `end` of its run.
        """
        with self._lock:
            if self.stopped or run in self._ended:
                raise errors.Interrupted(f"{title} was not begun; run the same command again to resume")
            # A session of its own, so that Ctrl-C reaches this process alone, which then stops the others.
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True, **streams
            )
            self._alive[process] = run
            if self.stopped:  # by a signal, while it was being started
                process.terminate()
        return process

    def forget(self, process: subprocess.Popen[str]) -> None:
        """Take note that a process has ended."""
        with self._lock:
            self._alive.pop(process, None)

    def raise_if_stopped(self, title: str, run: str = "") -> None:
        """End this process's own work too, when the others were stopped.

        Raises:
            Interrupted: `stop` was called, or `end` of the run.
        """
        if self.stopped or run in self._ended:
            raise errors.Interrupted(f"{title} was stopped; run the same command again to resume")


def _how_it_died(returncode: int) -> str:
    if returncode == -signal.SIGKILL:
        return "its process was killed, most often because the machine ran out of memory"
    if returncode < 0:
        return f"its process was ended by signal {signal.Signals(-returncode).name}"
    return f"its process ended with status {returncode}"


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].strip() or "(empty)"


workers = Workers(gpus())
"""This process's own: the command line stops them on Ctrl-C."""
