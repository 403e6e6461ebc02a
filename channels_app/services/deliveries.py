"""What providers deliver: stored as received, then read by workers in batches."""

from __future__ import annotations

from time import monotonic
from typing import Final

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from channels_app.models import Channel, InboundDelivery
from channels_app.services.reading import BATCH, due, read_next
from isflow.infra.db import compare_and_set
from isflow.infra.faults import declare, fault_point
from isflow.infra.prepared import Given, Prepared, every
from isflow.infra.tasks import hint
from isflow.workspaces.scope import workspace_scope

CHANNEL_BATCHES: Final = 4
"""Batches of one channel before the next channel has its turn."""
SLICE_SECONDS: Final = 20.0
"""After this long a worker stops and leaves the rest to the next hint."""

declare("inbound.after_store")


def delivery_store(*, channel: Channel, body: bytes) -> InboundDelivery:
    """Keep a verified call exactly as it came and have it read soon."""
    with workspace_scope(channel.workspace_id), transaction.atomic():
        delivery = InboundDelivery.objects.create(
            workspace_id=channel.workspace_id, channel=channel, body=body
        )
        hint("inbound")
    fault_point("inbound.after_store")
    return delivery


def delivery_replay(*, delivery: InboundDelivery) -> bool:
    """Have a delivery read once more, whatever became of it; what it holds is never stored twice."""
    again = compare_and_set(
        delivery,
        status_in=[InboundDelivery.Status.PROCESSED, InboundDelivery.Status.FAILED],
        status=InboundDelivery.Status.RECEIVED,
        attempts=0,
        not_before=None,
        error="",
        processed_at=None,
    )
    if again:
        hint("inbound")
    return again


def deliveries_process(*, seconds: float = SLICE_SECONDS) -> int:
    """Read what is due, oldest first within a channel, until nothing is due; return how many were read.

    May run many times at once: a channel that another worker reads is left to it.
    """
    deadline = monotonic() + seconds
    done = 0
    while True:
        before = done
        for workspace_id, channel_id in _due_channels():
            with workspace_scope(workspace_id):
                done += _channel_process(channel_id, deadline)
        if done == before:
            return done
        if monotonic() >= deadline:
            hint("inbound")
            return done


def _channel_process(channel_id: int, deadline: float) -> int:
    """Read some batches of one channel."""
    done = 0
    for _batch in range(CHANNEL_BATCHES):
        number = read_next(channel_id) if monotonic() < deadline else 0
        done += number
        if number < BATCH:
            break
    return done


def _due_channels() -> list[tuple[int, int]]:
    """Workspace and channel where there is something to read; the one that waits longest is first."""
    return [(workspace_id, channel_id) for workspace_id, channel_id, _oldest in _WAITING(now=timezone.now())]


_WAITING: Final = Prepared(
    lambda: (
        every(InboundDelivery)
        .filter(due(Given("now")))
        .values_list("workspace_id", "channel_id")
        .annotate(oldest=Min("pk"))
        .order_by("oldest")
    )
)
