"""The one writer of Event rows: facts that lower apps put on record, stored in the change's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from isflow.infra.faults import declare, fault_point
from isflow.infra.inserts import insert_many
from isflow.infra.tasks import hint
from isflow.workspaces.events import DomainEvent
from workflows.models import Event

declare("events.before_store", "events.after_store")


def store(*, events: Sequence[DomainEvent], **_signal: object) -> None:
    """Write the rows and say that there is work. Matching happens in a worker."""
    fault_point("events.before_store")
    at = timezone.now()
    insert_many([_row(event, at) for event in events])
    fault_point("events.after_store")
    hint("engine")


def _row(event: DomainEvent, at: datetime) -> Event:
    actor = event.actor
    return Event(
        workspace_id=event.workspace_id,
        contact_id=event.contact_id,
        kind=event.kind,
        payload=dict(event.payload),
        source=actor.source,
        user_id=actor.user_id,
        workflow_id=actor.workflow_id,
        run_id=actor.run_id,
        depth=actor.depth,
        at=at,
    )
