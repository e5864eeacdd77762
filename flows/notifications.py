"""Telling people how a run ended, through Prefect's notification blocks: what is secret stays in the block."""

from __future__ import annotations

from typing import Literal

from prefect import Flow
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.logging.loggers import flow_run_logger
from prefect.utilities.urls import url_for

from dcgan.errors import ConfigError
from dcgan.flows.markup import without_markup

End = Literal["completion", "failure", "crash"]
ENDS: dict[StateType, End] = {
    StateType.COMPLETED: "completion",
    StateType.FAILED: "failure",
    StateType.CRASHED: "crash",
}


def load(name: str, option: str) -> NotificationBlock:
    """A block that the server has.

    Args:
        name: `<type>/<name>`.
        option: that it comes from, for the message.

    Raises:
        ConfigError: it is not there, or tells nobody.
    """
    try:
        block = Block.load(name)
    except ValueError as error:
        raise ConfigError(
            f"{option} {name}: the Prefect server has no such block. Expected type and name of a notification block "
            "that was saved there, such as slack-webhook/my-team; `prefect block ls` lists them"
        ) from error
    if not isinstance(block, NotificationBlock):
        raise ConfigError(f"{option} {name}: expected a notification block, found a {type(block).__name__}")
    return block


def notify(flow: Flow[..., object], flow_run: FlowRun, state: State) -> None:
    """Hook of a flow: say by the blocks in its parameter `notify` how the run ended, if `notify_on` has that end.

    A block that fails does not fail the run. Of its error only the kind is logged: the text may hold its address, and
    with it a secret.
    """
    parameters = flow_run.parameters
    if ENDS[state.type] not in parameters.get("notify_on", ENDS.values()):
        return
    subject, body = text(flow_run, state)
    for name in parameters.get("notify", ()):
        try:
            answer = load(name, "notify").notify(body, subject)
            assert answer is None  # no coroutine: hooks are called where no event loop runs
        except Exception as error:
            flow_run_logger(flow_run, flow).error("Block %s failed: %s", name, type(error).__name__)


def text(flow_run: FlowRun, state: State) -> tuple[str, str]:
    """Subject and body: a line, and below it where to look. The state may name classes, and chats read markup."""
    with get_client(sync_client=True) as client:
        name = client.read_flow_run(flow_run.id).name  # who started it knows but the name that it had before it began
    message = state.message or state.name or ""
    line = message if message.startswith(str(state.name)) else f"{state.name}: {message}"
    return without_markup(f"{name}: {line}"), url_for(flow_run) or f"Flow run {flow_run.id}"
