"""Starting worker processes, hearing their progress, and telling how they ended."""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan import errors
from dcgan.execution import interruption
from dcgan.execution.devices import Slots, gpus
from dcgan.execution.progress import OnProgress, Progress

KEPT_SECONDS = 5  # that a process waits for its next work

LOG_TAIL = 1500  # characters of a dead worker's log that its error message shows


@dataclass(frozen=True)
class Work:
    """One piece of work for one process."""

    run: str
    """Folder of the run."""
    stage: str
    """Name of the stage."""
    title: str
    """What people see of it at work."""
    worker: str
    """Module that the worker process runs."""
    function: str
    """`module:function` that it calls with the run, the job, `arguments` and `on_progress`."""
    arguments: Mapping[str, Any]
    """As JSON has them."""
    threads: int
    """Threads that TensorFlow may use."""
    log: str
    """File that its messages are appended to."""
    label: str = ""
    """Class name, where it is about one class."""
    per_gpu: int = 1
    """Processes on one GPU at a time."""
    kept: bool = False
    """Whether the process is kept for more work of this kind: its start and what it compiles take longer than a small
    job's trainings."""

    @property
    def called(self) -> str:
        """What messages call it."""
        return f"{self.title} of class {self.label!r}" if self.label else self.title


class Workers:
    """Processes that this process has started; all of them can be stopped at once, from any thread."""

    def __init__(self, devices: Sequence[str] = ()) -> None:
        """None yet.

        Args:
            devices: GPUs that they share, see `devices.gpus`.
        """
        self._lock = threading.RLock()  # a signal's handler may call `stop` in the thread that is starting a worker
        self._alive: dict[subprocess.Popen[str], str] = {}
        self._ended: set[str] = set()
        self._kept: dict[subprocess.Popen[str], tuple[str, int]] = {}  # with run and threads
        self._slots = Slots(devices)
        self._stopped = False

    def stop(self) -> None:
        """End all workers now, and let no more begin. What they had saved stays, and is resumed from."""
        self._stopped = True
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

    def end_kept(self) -> None:
        """End the workers that wait for more work, and wait until they have."""
        with self._lock:
            kept = list(self._kept)
        for process in kept:
            self._end_one_kept(process)

    def perform(self, work: Work, on_progress: OnProgress) -> None:
        """Have a worker do some work.

        Args:
            work: what to do.
            on_progress: called in this thread with every report, with stage and label added.

        Raises:
            DcganError: the one that the worker raised.
            StageError: the worker died without a word, killed by a signal or by a fault; the message tells.
            Interrupted: `stop` was called, or `end` of this run.
        """
        said: dict[str, Any] = {}
        doing = work
        with self._slots.take(work.per_gpu, lambda: self._raise_if_stopped(work)) as place:
            process = self._resume(work) or self._begin(work, place)
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    said = json.loads(line)
                    if "progress" not in said:
                        break
                    progress: Progress = said["progress"]
                    doing = dataclasses.replace(work, title=progress.get("stage", work.title))
                    on_progress({"label": work.label} | progress | {"stage": doing.title})
            finally:
                if "done" in said and work.kept and not place:  # a GPU's memory is needed by others
                    self._keep(process, work)
                else:
                    self._end(process)
        self._raise_if_stopped(work)
        if "done" in said and not process.returncode:
            return
        if "error" in said:
            raise getattr(errors, said["error"]["kind"])(said["error"]["message"])
        how = _how_it_died(process.returncode)
        raise errors.StageError(f"{doing.called}: {how}. Its log {work.log} ends: {_tail(Path(work.log))}")

    def _begin(self, work: Work, place: dict[str, str]) -> subprocess.Popen[str]:
        """Start a worker."""
        environment = os.environ | {
            "KERAS_BACKEND": "tensorflow",
            "OMP_NUM_THREADS": str(work.threads),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "PYTHONHASHSEED": "0",
        }
        command = [sys.executable, "-m", work.worker, json.dumps(dataclasses.asdict(work))]
        Path(work.log).parent.mkdir(exist_ok=True)
        with Path(work.log).open("a", encoding="utf-8") as log:
            return self.start(
                command, work.called, work.run, stdin=subprocess.PIPE, stderr=log, env=environment | place
            )

    def _resume(self, work: Work) -> subprocess.Popen[str] | None:
        """Give work to a worker that was kept, if there is one for it."""
        with self._lock:
            fit = (process for process, kind in self._kept.items() if kind == (work.run, work.threads))
            process = next((process for process in fit if process.poll() is None), None)
            if process is None or not work.kept or self._stopped or work.run in self._ended:
                return None
            del self._kept[process]
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # killed this moment: its end tells
            process.stdin.write(json.dumps(dataclasses.asdict(work)) + "\n")
            process.stdin.flush()
        return process

    def _keep(self, process: subprocess.Popen[str], work: Work) -> None:
        """Keep a worker for more work like this, and end it when none comes."""
        with self._lock:
            self._kept[process] = (work.run, work.threads)
        timer = threading.Timer(KEPT_SECONDS, self._end_one_kept, [process])
        timer.daemon = True
        timer.start()

    def _end_one_kept(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            if self._kept.pop(process, None) is None:  # it is at work again
                return
        self._end(process)

    def _end(self, process: subprocess.Popen[str]) -> None:
        """Close a worker's pipes, at which it ends, and wait until it has."""
        with contextlib.suppress(BrokenPipeError), process:
            pass
        self.forget(process)

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
            if self._stopped or run in self._ended:
                raise errors.Interrupted(f"{title} was not begun; run the same command again to resume")
            # A session of its own, so that Ctrl-C reaches this process alone, which then stops the others.
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True, **streams
            )
            self._alive[process] = run
            if self._stopped:  # by a signal, while it was being started
                process.terminate()
        return process

    def forget(self, process: subprocess.Popen[str]) -> None:
        """Take note that a process has ended."""
        with self._lock:
            self._alive.pop(process, None)

    def _raise_if_stopped(self, work: Work) -> None:
        if self._stopped or work.run in self._ended:
            raise interruption.stopped(work.called)


def _how_it_died(returncode: int) -> str:
    if returncode == -signal.SIGKILL:
        return "its process was killed, most often because the machine ran out of memory"
    if returncode < 0:
        return f"its process was ended by signal {signal.Signals(-returncode).name}"
    return f"its process ended with status {returncode}"


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].strip() or "(empty)"


_making = threading.Lock()


@functools.cache
def _of_this_process() -> Workers:
    made = Workers(gpus())
    interruption.on_request(made.stop)
    atexit.register(made.end_kept)
    return made


def workers() -> Workers:
    """The workers of this process, which end when it is asked to stop; made when they are first asked for."""
    with _making:  # two threads at once would each make their own
        return _of_this_process()
