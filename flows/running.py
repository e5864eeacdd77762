"""Running a flow here and now: to its own end, whatever becomes of the server that records it."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from prefect import Flow
from prefect.client.schemas.objects import State
from prefect.events.worker import EventsWorker

from dcgan.errors import ServerError
from dcgan.flows import server
from dcgan.flows.embedded import embedded_server

log = logging.getLogger(__name__)

SEND_SECONDS = 30.0  # at the end of a run, for what Prefect has not sent yet


def run_here(flow: Flow[..., State[Any]], *arguments: object) -> Any:
    """Run a flow, recorded by the server that PREFECT_API_URL names, or else by an embedded one.

    Returns:
        The data of the state that the flow returns, or the error that it raises.

    Raises:
        ConfigError: the server that is named does not answer.
        StorageError: Prefect's home cannot be written to.
        ServerError: the embedded server does not start, or the server does not let the flow begin.
    """
    ends: list[Any] = []

    @functools.wraps(flow.fn)
    def noted(*given: Any, **named: Any) -> State[Any]:
        try:
            state = flow.fn(*given, **named)
        except Exception as error:
            ends.append(error)
            raise
        ends.append(state.data)
        return state

    recorded = flow.with_options()
    recorded.fn = noted
    with _recording() as gone:
        try:
            state = recorded(*arguments, return_state=True)
        except Exception as error:
            if ends:
                log.warning("the Prefect server did not take the run's final state (%s)", error)
                gone.set()  # and takes nothing else
            elif isinstance(error, httpx.HTTPError):
                raise ServerError(
                    f"the Prefect server at {server.address()} does not answer any more: {error}"
                ) from error
            else:
                raise
        else:
            if not ends:
                raise ServerError(f"the Prefect server does not let the run begin: {state.message or state.name}")
    return ends[0]


@contextmanager
def _recording() -> Iterator[threading.Event]:
    """A server that answers, for the time of the block; what is left to send to it is sent at the end.

    Yields:
        Set when the server has gone, so that nothing is sent to it any more.
    """
    if server.address():
        server.require()
    with contextlib.nullcontext(threading.Event()) if server.address() else embedded_server() as gone:
        try:
            yield gone
        finally:
            _send_rest(0 if gone.is_set() else SEND_SECONDS)


def _send_rest(seconds: float) -> None:
    """Let Prefect send the events and log lines that it still holds, and drop what is left when the time is over.

    Without a limit it would try for as long as the server is away: up to a minute for each event.
    """
    running = EventsWorker._instances.values()  # type: ignore[misc]  # those for log lines are among them
    senders = [(sender._loop, sender._task) for sender in running]
    EventsWorker.drain_all(timeout=seconds)
    for loop, task in senders:
        if loop is not None and task is not None:
            loop.call_soon_threadsafe(task.cancel)  # of one that is done, this is nothing
