"""What the Prefect server does on its own: marks runs whose machine has died as crashed, and notifies people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from prefect.automations import Automation
from prefect.blocks.abstract import NotificationBlock
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypesOrUnknown, ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY

from dcgan.errors import ConfigError
from dcgan.flows import notifications, server
from dcgan.flows.nightly import nightly

SILENT = f"{nightly.name}: runs that fell silent"
LATE = f"{nightly.name}: runs that nobody starts"
HEARTBEAT = "prefect.flow-run.heartbeat"
ENDED = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
OURS = ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": nightly.name})
EVERY_RUN = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})


def automate(silence: int, notify: Sequence[str]) -> list[str]:
    """Set up the project's automations on the server that PREFECT_API_URL names, in the place of earlier ones.

    Args:
        silence: s between a run's last heartbeat and being marked as crashed.
        notify: notification blocks for it, and for runs that are late.

    Returns:
        What was set up, line by line.

    Raises:
        ConfigError: no server answers, a block is not there, or runs' heartbeats come less often than `silence`.
    """
    server.require()
    blocks = [notifications.load(name, "--notify") for name in notify]
    every = PREFECT_FLOWS_HEARTBEAT_FREQUENCY.value()
    if every is None or silence <= every:
        rate = "never come" if every is None else f"come every {every} s"
        raise ConfigError(
            f"--silence {silence}: expected more than the time between two heartbeats, best three times as much; "
            f"they {rate} (PREFECT_FLOWS_HEARTBEAT_FREQUENCY)"
        )
    for name in (SILENT, LATE):  # as an earlier call left them
        if (before := _saved(name)) is not None:
            before.delete()
    Automation(
        name=SILENT,
        description="A run's process sends a heartbeat every few minutes. When they stop, its machine has died.",
        trigger=EventTrigger(
            match=EVERY_RUN,
            match_related=OURS,
            after={HEARTBEAT},
            expect={HEARTBEAT} | ENDED,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=silence),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED, name="Crashed", message=f"No sign of life for {silence} s", force=False
            ),
            *_notifications(blocks, f"Crashed: no sign of life for {silence} s"),
        ],
    ).create()
    lines = [f"A run that gives no sign of life for {silence} s is marked as crashed"]
    if blocks:
        Automation(
            name=LATE,
            description="A run is late when no worker picks it up.",
            trigger=EventTrigger(match=EVERY_RUN, match_related=OURS, expect={"prefect.flow-run.Late"}),
            actions=_notifications(blocks, "Late: nothing has started it. Is a worker or `dcgan serve` running?"),
        ).create()
        lines.append(f"Notified of that, and of runs that nobody starts: {', '.join(notify)}")
    return lines


def _notifications(blocks: Sequence[NotificationBlock], what: str) -> list[ActionTypesOrUnknown]:
    """One notification for each block; the server fills in the run."""
    subject, body = "{{ flow_run.name }}: " + what, "{{ flow_run|ui_url }}"
    ids = [block._block_document_id for block in blocks]
    return [SendNotification(block_document_id=id_, subject=subject, body=body) for id_ in ids if id_ is not None]


def _saved(name: str) -> Automation | None:
    try:
        found = Automation.read(name=name)
    except ValueError:
        return None
    assert isinstance(found, Automation)
    return found
