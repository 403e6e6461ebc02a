"""What providers deliver: stored as received, then read in order, each delivery in its own transaction."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Min, Q
from django.utils import timezone

from channels_app.connections import connection_of
from channels_app.contract import InboundItem, Unparsed
from channels_app.models import Channel, InboundDelivery
from channels_app.signals import items_received
from isflow.infra.db import compare_and_set
from isflow.infra.faults import declare, fault_point
from isflow.infra.tasks import hint
from isflow.kernel.errors import Transient
from isflow.kernel.retry import backoff_seconds
from isflow.workspaces.scope import all_workspaces, workspace_scope

MAX_ATTEMPTS: Final = 3
PATIENCE: Final = timedelta(minutes=30)
"""How long a delivery whose receiver says "later" is given again."""
CHANNEL_BATCH: Final = 50
"""Deliveries of one channel before the next channel has its turn."""
SLICE_SECONDS: Final = 20.0
"""After this long a worker stops and leaves the rest to the next hint."""
_MAX_ERROR: Final = 5_000

declare("inbound.after_store", "inbound.before_processed")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of one attempt: processed, or to be given again because of an error."""

    error: str = ""
    again: bool = False


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

    May run many times at once: a delivery that another worker holds is left to it, with its channel.
    """
    deadline = monotonic() + seconds
    done = 0
    while True:
        before = done
        for channel_id in _due_channels():
            done += _channel_process(channel_id, deadline)
        if done == before:
            return done
        if monotonic() >= deadline:
            hint("inbound")
            return done


def _channel_process(channel_id: int, deadline: float) -> int:
    """Read deliveries of one channel in order."""
    for done in range(CHANNEL_BATCH):
        if monotonic() >= deadline:
            return done
        with all_workspaces():
            rows = InboundDelivery.objects.filter(_due(timezone.now()), channel_id=channel_id)
            delivery = rows.select_related("channel").order_by("pk").first()
        if delivery is None or not _delivery_process(delivery):
            return done
    return CHANNEL_BATCH


def _delivery_process(delivery: InboundDelivery) -> bool:
    """Read one delivery; False if somebody else has it."""
    with workspace_scope(delivery.workspace_id):
        try:
            with transaction.atomic():
                if not _claim(delivery):
                    return False
                result = _read(delivery)
                _write(delivery, result)
                fault_point("inbound.before_processed")
        except Exception as error:
            log.warning("inbound.failed", delivery=delivery.pk, exc_info=True)
            return _failed(delivery, error)
    return True


def _claim(delivery: InboundDelivery) -> bool:
    """Lock the row if nobody else has it, and see that it is still to be read."""
    rows = InboundDelivery.objects.select_for_update(skip_locked=True).filter(_due(timezone.now()))
    return rows.filter(pk=delivery.pk).values_list("pk", flat=True).first() is not None


def _read(delivery: InboundDelivery) -> _Result:
    """Parse and hand over; return the unreadable items as text."""
    connection = connection_of(delivery.channel)
    parsed: Sequence[InboundItem] = list(connection.adapter.parse(bytes(delivery.body), connection.config))
    good = [item for item in parsed if not isinstance(item, Unparsed)]
    unread = "\n".join(f"{item.reason}: {item.raw}" for item in parsed if isinstance(item, Unparsed))
    if good:
        try:
            items_received.send(sender=Channel, channel=delivery.channel, items=good, delivery=delivery)
        except Transient as error:
            if timezone.now() - delivery.received_at < PATIENCE:
                return _Result(error.message, again=True)
            unread = f"{error.message}\n{unread}".strip()
    return _Result(unread)


def _write(delivery: InboundDelivery, result: _Result) -> None:
    now = timezone.now()
    rows = InboundDelivery.objects.filter(pk=delivery.pk)
    error = result.error.replace("\x00", "")[:_MAX_ERROR]
    if result.again:
        attempts = delivery.attempts + 1
        rows.update(attempts=attempts, not_before=now + _pause(attempts), error=error)
        return
    rows.update(status=InboundDelivery.Status.PROCESSED, processed_at=now, not_before=None, error=error)


def _failed(delivery: InboundDelivery, error: Exception) -> bool:
    """Note a failed attempt, after its transaction was taken back; after the third one, give up."""
    attempts = delivery.attempts + 1
    text = "".join(traceback.format_exception_only(error)).strip().replace("\x00", "")[:_MAX_ERROR]
    final = attempts >= MAX_ATTEMPTS
    return compare_and_set(
        delivery,
        status_in=[InboundDelivery.Status.RECEIVED],
        status=InboundDelivery.Status.FAILED if final else InboundDelivery.Status.RECEIVED,
        attempts=attempts,
        not_before=None if final else timezone.now() + _pause(attempts),
        error=text,
    )


def _pause(attempts: int) -> timedelta:
    return timedelta(seconds=backoff_seconds(attempts, cap=60))


def _due(now: datetime) -> Q:
    ready = Q(not_before=None) | Q(not_before__lte=now)
    return Q(status=InboundDelivery.Status.RECEIVED) & ready


def _due_channels() -> list[int]:
    """Channels with something to read; the one that waits longest is first."""
    with all_workspaces():
        rows = InboundDelivery.objects.filter(_due(timezone.now())).values("channel_id")
        return [row["channel_id"] for row in rows.annotate(oldest=Min("pk")).order_by("oldest")]
