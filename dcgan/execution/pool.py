"""Worker processes: starting them, passing on their progress, and reporting how they ended."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import json
import os
import sys
import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan import errors
from dcgan.execution import interruption
from dcgan.execution.child import Child
from dcgan.execution.devices import Slots, gpus
from dcgan.execution.progress import OnProgress, Progress
from dcgan.execution.temporary import remove_abandoned

KEPT_SECONDS = 5  # that a process waits for its next work


@dataclass(frozen=True)
class Work:
    """One piece of work for one process."""

    run: str
    """Folder of the run."""
    stage: str
    """Name of the stage."""
    title: str
    """Shown with its progress."""
    worker: str
    """Module that the process runs."""
    function: str
    """`module:function`, called with the run, the job, `arguments` and `on_progress`."""
    arguments: Mapping[str, Any]
    """Values that JSON can hold."""
    threads: int
    """Threads that TensorFlow may use."""
    log: str
    """File that its messages are appended to."""
    label: str = ""
    """Class name, where it is about one class."""
    per_gpu: int = 1
    """Processes that share a GPU."""

    @property
    def called(self) -> str:
        """Its name in messages."""
        return f"{self.title} of class {self.label!r}" if self.label else self.title


class Workers:
    """The processes that this process has started. All of them can be stopped at once, from any thread.

    A process that has finished its work is kept for more of its kind, of any run: starting one and compiling its
    networks takes as long as training a small class, and starting one that reads images as long as reading hundreds.
    """

    def __init__(self, devices: Sequence[str] = ()) -> None:
        """Start none yet.

        Args:
            devices: GPUs for them to share, see `devices.gpus`.
        """
        self._lock = threading.RLock()  # a signal's handler may call `stop` in the thread that is starting a worker
        self._alive: dict[Child, str] = {}  # with the run that each works for
        self._ended: set[str] = set()
        self._kept: dict[Child, tuple[Hashable, threading.Timer]] = {}  # with its use, and what will end it
        self._ending: set[threading.Thread] = set()  # that wait for the end of a process that was kept
        self._slots = Slots(devices)
        self._stopped = False

    def stop(self) -> None:
        """End all workers now, and start no more. What they have saved stays, to be resumed from."""
        self._stopped = True
        with self._lock:
            for child in self._alive:
                child.stop()

    def end(self, run: str) -> None:
        """End the workers of one run now, given its folder, and start none for it before `allow`."""
        with self._lock:
            self._ended.add(run)
            for child, of_run in self._alive.items():
                if of_run == run:
                    child.stop()

    def allow(self, run: str) -> None:
        """Allow workers of a run again."""
        with self._lock:
            self._ended.discard(run)

    def end_kept(self) -> None:
        """End the processes that wait for more work, and wait until they have ended."""
        with self._lock:
            kept, ending = list(self._kept), list(self._ending)
        for child in kept:
            self._end_one_kept(child)
        for thread in ending:  # their time was over a moment ago
            thread.join()

    def perform(self, work: Work, on_progress: OnProgress) -> None:
        """Have a worker do some work, and wait for it.

        Args:
            work: what to do.
            on_progress: called in this thread with every report, with stage and label added.

        Raises:
            DcganError: raised by the worker.
            StageError: the worker died, by a signal or a crash; the message says how, with the end of its log.
            Interrupted: `stop` was called, or `end` for this run.
        """
        said: Any = None
        doing, kept = work, False
        Path(work.log).parent.mkdir(exist_ok=True)
        with self._slots.take(work.per_gpu, lambda: self._raise_if_stopped(work)) as place:
            worker = self._resume(work) or self._begin(work, place)
            try:
                while (said := worker.hear()) and "progress" in said:
                    progress: Progress = said["progress"]
                    doing = dataclasses.replace(work, title=progress.get("stage", work.title))
                    on_progress({"label": work.label} | progress | {"stage": doing.title})
                kept = said is not None and "done" in said and not place  # others need a GPU's memory
            finally:
                if kept:
                    self.keep(worker, work.threads)
                else:
                    status = self.close(worker)
        self._raise_if_stopped(work)
        if said is None:
            raise errors.StageError(f"{doing.called}: {worker.last_words(status)}")
        if "error" in said:
            raise getattr(errors, said["error"]["kind"])(said["error"]["message"])

    def _begin(self, work: Work, place: dict[str, str]) -> Child:
        """Start a worker."""
        environment = {
            "KERAS_BACKEND": "tensorflow",
            "OMP_NUM_THREADS": str(work.threads),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "PYTHONHASHSEED": "0",
        }
        command = [sys.executable, "-m", work.worker, json.dumps(dataclasses.asdict(work))]
        return self.start(command, work.called, work.run, log=Path(work.log), environment=environment | place)

    def _resume(self, work: Work) -> Child | None:
        """Give the work to a kept worker, if one suits."""
        worker = self.kept(work.threads, work.run)
        if worker is not None:
            worker.log = Path(work.log)
            worker.tell(dataclasses.asdict(work))
        return worker

    def kept(self, use: Hashable, run: str = "") -> Child | None:
        """A process that `keep` was given and that is alive, if there is one; the caller closes or keeps it.

        Args:
            use: what it is for.
            run: folder of the run that it will work for.
        """
        with self._lock:
            fit = (child for child, (of_use, _) in self._kept.items() if of_use == use)
            child = next((child for child in fit if child.is_alive), None)
            if child is None or self._stopped or run in self._ended:
                return None
            self._kept.pop(child)[1].cancel()
            self._alive[child] = run
        return child

    def keep(self, child: Child, use: Hashable) -> None:
        """Keep a process that has nothing to do for what has the same use, and end it if nothing comes."""
        timer = threading.Timer(KEPT_SECONDS, self._end_one_kept, [child])
        timer.daemon = True
        with self._lock:
            self._kept[child] = (use, timer)
        timer.start()

    def _end_one_kept(self, child: Child) -> None:
        thread = threading.current_thread()
        with self._lock:
            if self._kept.pop(child, None) is None:  # it is at work again
                return
            self._ending.add(thread)
        try:
            self.close(child)
        finally:
            with self._lock:
                self._ending.discard(thread)

    def start(
        self,
        command: Sequence[str],
        title: str,
        run: str = "",
        *,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        """Start a process that `stop` ends. The caller closes it by `close`, or gives it to `keep`.

        Args:
            command: program, as an absolute path, and its arguments.
            title: of its work, in messages.
            run: folder of the run that it works for; `end` of that run ends it too.
            log: file that its messages are appended to; None: they are dropped.
            environment: variables in addition to those of this process.

        Raises:
            Interrupted: `stop` was called, or `end` of its run.
        """
        with self._lock:
            if self._stopped or run in self._ended:
                raise errors.Interrupted(f"{title} did not start; run the same command again to resume")
            child = Child(command, log=log, environment=environment)
            self._alive[child] = run
            if self._stopped:  # by a signal, while it was being started
                child.stop()
        return child

    def close(self, child: Child) -> int:
        """End a process and wait for it; see `Child.close`."""
        try:
            return child.close()
        finally:
            with self._lock:
                self._alive.pop(child, None)

    def _raise_if_stopped(self, work: Work) -> None:
        if self._stopped or work.run in self._ended:
            raise interruption.stopped(work.called)


_making = threading.Lock()


@functools.cache
def _of_this_process() -> Workers:
    remove_abandoned()
    made = Workers(gpus())
    interruption.on_request(made.stop)
    atexit.register(made.end_kept)
    return made


def _forget() -> None:
    """In a process forked from this one: the workers, and their pipes, are its parent's."""
    if _of_this_process.cache_info().currsize:
        atexit.unregister(_of_this_process().end_kept)
        _of_this_process.cache_clear()


os.register_at_fork(after_in_child=_forget)


def workers() -> Workers:
    """The workers of this process, which end when it is asked to stop; created on first use."""
    with _making:  # two threads at once would each create their own
        return _of_this_process()
