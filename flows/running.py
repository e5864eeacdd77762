"""Running a flow here and now: to its own end, whatever becomes of the server that records it."""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import httpx

from dcgan.errors import ServerError
from dcgan.flows import server
from dcgan.flows.embedded import embedded_server

if TYPE_CHECKING:
    from prefect import Flow  # only the caller's `make` needs it, and loads it while the server starts
    from prefect.client.schemas.objects import State

log = logging.getLogger(__name__)

SEND_SECONDS = 30.0  # at the end of a run, for what Prefect has not sent yet


def run_here(make: Callable[[], Flow[..., State[Any]]], *arguments: object) -> Any:
    """Run a flow, recorded by the server that PREFECT_API_URL names, or else by an embedded one.

    Args:
        make: gives the flow. It may take its time, to load what the flow needs: an embedded server starts meanwhile.
        arguments: of the flow.

    Returns:
        The data of the state that the flow returns, or the error that it raises.

    Raises:
        ConfigError: the server that is named does not answer.
        StorageError: Prefect's home cannot be written to.
        ServerError: the embedded server does not start, or the server does not let the flow begin.
    """
    if is_named := bool(server.address()):
        server.require()
    with contextlib.nullcontext(threading.Event) if is_named else embedded_server() as ready:
        flow = make()
        gone = ready()
        try:
            return _run(flow, arguments, gone)
        finally:
            _send_rest(0 if gone.is_set() else SEND_SECONDS)


def _run(flow: Flow[..., State[Any]], arguments: Sequence[object], gone: threading.Event) -> Any:
    """What the flow ends with; sets `gone` when the server does not take that any more."""
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
    try:
        state = recorded(*arguments, return_state=True)
    except Exception as error:
        if ends:
            log.warning("the Prefect server did not take the run's final state (%s)", error)
            gone.set()  # and takes nothing else
        elif isinstance(error, httpx.HTTPError):
            raise ServerError(f"the Prefect server at {server.address()} does not answer any more: {error}") from error
        else:
            raise
    else:
        if not ends:
            raise ServerError(f"the Prefect server does not let the run begin: {state.message or state.name}")
    return ends[0]


def _send_rest(seconds: float) -> None:
    """Let Prefect send the events and log lines that it still holds, and drop what is left when the time is over.

    Without a limit it would try for as long as the server is away: up to a minute for each event.
    """
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 (loaded by the flow)

    running = EventsWorker._instances.values()  # type: ignore[misc]  # those for log lines are among them
    senders = [(sender._loop, sender._task) for sender in running]
    EventsWorker.drain_all(timeout=seconds)
    for loop, task in senders:
        if loop is not None and task is not None:
            loop.call_soon_threadsafe(task.cancel)  # of one that is done, this is nothing
