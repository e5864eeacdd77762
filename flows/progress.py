"""Live progress in Prefect's pages: one artifact for each task that reports any."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import TaskRunContext
from prefect.logging import get_logger

from dcgan.execution.progress import Progress, reports
from dcgan.flows.markup import without_markup
from dcgan.terminal import in_words

SECONDS = 5.0  # between two updates of a task
FLUSH_SECONDS = 10.0  # that a task waits at its end for its last report to be shown


class Publisher:
    """Sends the newest report of each task to the server from its own thread, so that a slow server delays no work."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[UUID, tuple[contextvars.Context, Progress]] = {}
        self._sending: set[UUID] = set()
        self._ended: set[UUID] = set()
        self._sent: dict[UUID, float] = {}
        self._is_away = False
        self._artifacts: dict[UUID, UUID] = {}
        self._thread: threading.Thread | None = None

    def publish(self, report: Progress) -> None:
        """Take a report of the task that runs in this thread. Outside of tasks, reports are dropped."""
        context = TaskRunContext.get()
        if context is None:
            return
        with self._changed:
            self._waiting[context.task_run.id] = contextvars.copy_context(), report
            if self._thread is None:
                self._thread = threading.Thread(target=self._send_on, name="progress", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until the last report of the task that runs in this thread is shown, but not for long.

        Without this it could be lost, since the process may end together with the task. Once a server has not taken
        one, the tasks that follow do not wait for it until it has taken another.
        """
        context = TaskRunContext.get()
        if context is None:
            return
        task = context.task_run.id
        with self._changed:
            self._ended.add(task)
            self._changed.notify_all()
            seconds = 0 if self._is_away else FLUSH_SECONDS
            if not self._changed.wait_for(lambda: task not in self._waiting and task not in self._sending, seconds):
                self._is_away = True
            self._ended.discard(task)

    def _send_on(self) -> None:
        while True:
            with self._changed:
                while not (due := self._due()):
                    self._changed.wait(SECONDS / 5 if self._waiting else None)
                to_send = {task: self._waiting.pop(task) for task in due}
                self._sending = set(to_send)
            for task, (context, report) in to_send.items():
                self._sent[task] = time.monotonic()
                context.run(self._send, task, report)
                with self._changed:
                    self._sending.discard(task)
                    self._changed.notify_all()

    def _due(self) -> list[UUID]:
        now = time.monotonic()
        return [
            task for task in self._waiting if task in self._ended or now - self._sent.get(task, -SECONDS) >= SECONDS
        ]

    def _send(self, task: UUID, report: Progress) -> None:
        """Show a report, in the context of its task, so that the artifact belongs to the task."""
        percent = 100 * min(1.0, report["done"] / max(1, report["total"]))
        description = without_markup(in_words(report))
        try:
            if task in self._artifacts:
                update_progress_artifact(self._artifacts[task], percent, description)
            else:
                artifact = create_progress_artifact(percent, description=description)
                assert isinstance(artifact, UUID)  # no coroutine: no event loop runs in this thread
                self._artifacts[task] = artifact
            self._is_away = False
        except Exception as error:  # only a display: the run continues, and so does the next report
            get_logger("dcgan").debug("Progress could not be shown: %s", error)
            self._is_away = True


publisher = Publisher()
"""This process's own."""


@contextmanager
def publishing() -> Iterator[None]:
    """For the time of the block, show the progress of the task that runs in this thread, down to its last report."""
    with reports.heard_by(publisher.publish):
        try:
            yield
        finally:
            publisher.flush()
