"""Live progress is a display: a server that does not answer delays work once, and not with every task."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from prefect.context import TaskRunContext

from dcgan.execution.progress import Progress
from dcgan.flows import progress
from dcgan.flows.progress import Publisher

REPORT: Progress = {"stage": "training", "done": 1, "total": 2}


class Slow(Publisher):
    """Its server answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.answering = threading.Event()

    def _send(self, task: UUID, report: Progress) -> None:
        self.answering.wait(30)
        super()._send(task, report)


class Refused(Publisher):
    """Nothing answers at its server's address, which takes a while to find out."""

    def _send(self, task: UUID, report: Progress) -> None:
        time.sleep(0.5)
        super()._send(task, report)


def seconds_of_task(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> float:
    """How long a task waits for its only report to be shown."""
    context = SimpleNamespace(task_run=SimpleNamespace(id=uuid4()))
    monkeypatch.setattr(TaskRunContext, "get", lambda: context)
    publisher.publish(REPORT)
    began = time.monotonic()
    publisher.flush()
    return time.monotonic() - began


def wait_until_sent(publisher: Publisher) -> None:
    """Else its thread would go on when the test is over, and ask Prefect itself, which would start a server."""
    while publisher._waiting or publisher._sending:
        time.sleep(0.01)


def test_only_the_first_task_waits_for_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "FLUSH_SECONDS", 1.0)
    monkeypatch.setattr(progress, "create_progress_artifact", lambda *_, **__: uuid4())
    publisher = Slow()
    assert 0.9 < seconds_of_task(publisher, monkeypatch) < 10
    assert seconds_of_task(publisher, monkeypatch) < 0.5
    publisher.answering.set()
    while publisher._is_away:
        time.sleep(0.01)
    publisher.answering.clear()
    assert 0.9 < seconds_of_task(publisher, monkeypatch) < 10, "it had answered again"
    publisher.answering.set()
    wait_until_sent(publisher)


def test_only_the_first_task_waits_for_a_server_that_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> UUID:
        raise ConnectionRefusedError

    monkeypatch.setattr(progress, "create_progress_artifact", refuse)
    publisher = Refused()
    assert 0.4 < seconds_of_task(publisher, monkeypatch) < 10
    assert seconds_of_task(publisher, monkeypatch) < 0.3
    wait_until_sent(publisher)
