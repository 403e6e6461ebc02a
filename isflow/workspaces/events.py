"""Facts that may fire triggers, on their way from the app that owns the change to the event log.

Lower apps know no workflow. They say what happened with ``record_events``; the one receiver (the
workflows app) stores the rows in the same transaction. One signal per call, however many events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.dispatch import Signal

from isflow.infra.db import require_atomic
from isflow.kernel.actor import Actor, current_actor
from isflow.kernel.values import Scalar

Payload = Mapping[str, Scalar | list[str] | list[int]]


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """One committed fact about one contact. ``payload`` holds plain JSON values only."""

    kind: str
    workspace_id: int
    contact_id: int
    payload: Payload = field(default_factory=dict)
    actor: Actor = field(default_factory=current_actor)


events_recorded = Signal()
"""Sent with ``events: Sequence[DomainEvent]`` inside the transaction of the change."""


def record_events(events: Sequence[DomainEvent]) -> None:
    """Put the events on record together with the change that caused them. Must run in a transaction."""
    if not events:
        return
    require_atomic()
    events_recorded.send(sender=DomainEvent, events=events)
