"""Reading deliveries: a batch of a channel in one transaction; what cannot be read harms only itself.

Whoever holds a channel's oldest due delivery serves the channel, so there is one batch of it at a time and
every sender's messages are handled in the order in which they were stored. A delivery that failed is read
again later, alone; meanwhile the later deliveries of its senders wait for it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Any, Final

import structlog
from django.db import transaction
from django.db.models import Exists, Q, QuerySet
from django.utils import timezone

from channels_app.connections import connection_of
from channels_app.contract import InboundItem, InboundMessage, Unparsed
from channels_app.models import Channel, InboundDelivery
from channels_app.signals import items_received
from isflow.infra.db import update_many
from isflow.infra.faults import declare, fault_point
from isflow.infra.prepared import Among, Given, Prepared, every
from isflow.kernel.errors import Transient
from isflow.kernel.ids import token_digest
from isflow.kernel.retry import backoff_seconds
from isflow.workspaces.scope import current_workspace_id

BATCH: Final = 50
"""Deliveries read in one transaction."""
MAX_ITEMS: Final = 500
"""Items of one transaction; only a delivery that is read alone may have more."""
MAX_ATTEMPTS: Final = 3
PATIENCE: Final = timedelta(minutes=30)
"""How long a delivery whose receiver says "later" is given again."""
_MAX_ERROR: Final = 5_000
_COLUMNS: Final = ("status", "attempts", "not_before", "processed_at", "error", "holds")
_RECEIVED, _PROCESSED, _FAILED = InboundDelivery.Status.values

declare("inbound.before_processed")
log = structlog.get_logger(__name__)

_Row = tuple[Any, ...]
"""Key of a delivery and its new values."""


@dataclass
class _Parcel:
    """A delivery, opened. ``unread``: its unreadable items; ``failure``: why nothing of it can be read."""

    delivery: InboundDelivery
    items: list[InboundItem] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    unread: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """Deliveries locked for us. ``some_wait``: others of the channel hold back what comes later."""

    deliveries: list[InboundDelivery]
    some_wait: bool


def due(now: datetime | Given) -> Q:
    """Deliveries that may be read now."""
    return Q(status=_RECEIVED) & (Q(not_before=None) | Q(not_before__lte=now))


def read_next(channel_id: int) -> int:
    """Read a channel's next batch; return how many deliveries were taken care of. In the scope.

    0: nothing is due, or another worker serves the channel. What the database refuses altogether is raised.
    """
    try:
        return _read(channel_id, BATCH)
    except Exception:
        log.warning("inbound.batch_failed", channel=channel_id, exc_info=True)
    done = 0
    while done < BATCH and (number := _read(channel_id, 1)):
        done += number
    return done


def _read(channel_id: int, limit: int) -> int:
    """Read up to so many deliveries; one alone that fails is put back, several are left as they are."""
    with transaction.atomic():
        claimed = _claim(channel_id, limit)
        if claimed is None:
            return 0
        now = timezone.now()
        channel = claimed.deliveries[0].channel
        parcels, held = _opened(channel, claimed.deliveries), list[_Row]()
        if claimed.some_wait:
            parcels, held = _held_back(parcels, now)
        rows = [*held, *(_failed(one, one.failure, now) for one in parcels if one.failure)]
        readable = [one for one in parcels if not one.failure]
        try:
            with transaction.atomic():
                rows += _handed_over(channel, readable, now)
        except Exception as error:
            # A connection that is gone says nothing about the delivery.
            if len(readable) > 1 or transaction.get_rollback():
                raise
            rows += [_unread(one, error, now) for one in readable]
        update_many(InboundDelivery, "id", _COLUMNS, rows)
        fault_point("inbound.before_processed")
    return len(rows)


def _claim(channel_id: int, limit: int) -> _Claimed | None:
    """Lock the oldest due deliveries of a channel; None if any of them is another worker's."""
    here = {"workspace": current_workspace_id(), "channel": channel_id, "now": timezone.now()}
    listed = _listed(limit)(**here)
    if not listed:
        return None
    fresh = list(takewhile(lambda row: row[1] is None, listed))
    ids = [pk for pk, _holds, _some_wait in fresh or listed[:1]]
    deliveries = _LOCKED(ids=ids, **here)
    if [one.pk for one in deliveries] != ids:
        return None
    return _Claimed(deliveries, some_wait=listed[0][2])


def _of_channel() -> QuerySet[InboundDelivery]:
    rows = every(InboundDelivery).filter(workspace_id=Given("workspace"))
    return rows.filter(channel_id=Given("channel"))


def _due() -> QuerySet[InboundDelivery]:
    return _of_channel().filter(due(Given("now"))).order_by("pk")


def _held(now: datetime | Given) -> Q:
    """Deliveries that failed, are to be read again later, and until then hold others back."""
    return Q(status=_RECEIVED, holds__isnull=False, not_before__gt=now)


@lru_cache
def _listed(limit: int) -> Prepared[tuple[int, list[str] | None, bool]]:
    """Return the query of key and holds of the oldest due deliveries, and whether others hold some back."""
    some_wait = Exists(_of_channel().filter(_held(Given("now"))))
    return Prepared(
        lambda: _due().annotate(some_wait=some_wait).values_list("pk", "holds", "some_wait")[:limit]
    )


_LOCKED: Final = Prepared(
    lambda: (
        _due()
        .filter(Among("pk", "ids"))
        .select_related("channel")
        .select_for_update(of=("self",), skip_locked=True, no_key=True)
    )
)


def _opened(channel: Channel, deliveries: Iterable[InboundDelivery]) -> list[_Parcel]:
    """Parse deliveries in order, until there are enough items; the others stay due."""
    parcels: list[_Parcel] = []
    number = 0
    for delivery in deliveries:
        parcel = _open(channel, delivery)
        number += len(parcel.items)
        if parcels and number > MAX_ITEMS:
            break
        parcels.append(parcel)
    return parcels


def _open(channel: Channel, delivery: InboundDelivery) -> _Parcel:
    parcel = _Parcel(delivery)
    try:
        connection = connection_of(channel)
        for item in connection.adapter.parse(bytes(delivery.body), connection.config):
            if isinstance(item, Unparsed):
                parcel.unread += f"{item.reason}: {item.raw}\n"
                continue
            parcel.items.append(item)
            if isinstance(item, InboundMessage):
                address = connection.adapter.normalise_address(item.sender)
                parcel.senders.append(token_digest(ascii(address)))
    except Exception as error:
        log.warning("inbound.failed", delivery=delivery.pk, exc_info=True)
        return _Parcel(delivery, failure=_words(error))
    return parcel


def _held_back(parcels: Sequence[_Parcel], now: datetime) -> tuple[list[_Parcel], list[_Row]]:
    """Separate what must wait for an earlier delivery of one of its senders that is to be read again."""
    waiting = InboundDelivery.objects.filter(_held(now), channel_id=parcels[0].delivery.channel_id)
    earlier = [(row.pk, row.not_before or now, set(row.holds or ())) for row in waiting.defer("body")]
    free: list[_Parcel] = []
    held: list[_Row] = []
    for parcel in parcels if earlier else ():
        pk, senders = parcel.delivery.pk, list(dict.fromkeys(parcel.senders))
        until = max(
            (until for other, until, holds in earlier if other < pk and holds & set(senders)), default=None
        )
        if until is None:
            free.append(parcel)
        else:
            held.append((pk, _RECEIVED, parcel.delivery.attempts, until, None, "", senders))
            earlier.append((pk, until, set(senders)))
    return (free, held) if earlier else (list(parcels), [])


def _handed_over(channel: Channel, parcels: Sequence[_Parcel], now: datetime) -> list[_Row]:
    """Give all items to the receivers, who may ask for some of them again."""
    items = [item for parcel in parcels for item in parcel.items]
    answers = items_received.send(sender=Channel, channel=channel, items=items) if items else []
    early = {id(item) for _receiver, answer in answers for item in answer or ()}
    return [
        _again(one, "Status of messages that are not known (yet).", now)
        if any(id(item) in early for item in one.items)
        else _processed(one, now)
        for one in parcels
    ]


def _unread(parcel: _Parcel, error: Exception, now: datetime) -> _Row:
    """Put back a delivery of which nothing was stored."""
    if isinstance(error, Transient):
        return _again(parcel, error.message, now, holds=parcel.senders)
    log.warning("inbound.failed", delivery=parcel.delivery.pk, exc_info=error)
    return _failed(parcel, _words(error), now)


def _processed(parcel: _Parcel, now: datetime, error: str = "") -> _Row:
    text = f"{error}\n{parcel.unread}".strip().replace("\x00", "")[:_MAX_ERROR]
    return parcel.delivery.pk, _PROCESSED, parcel.delivery.attempts, None, now, text, None


def _again(parcel: _Parcel, error: str, now: datetime, *, holds: list[str] | None = None) -> _Row:
    """Have a delivery read once more, unless it has been tried for too long."""
    if now - parcel.delivery.received_at >= PATIENCE:
        return _processed(parcel, now, error)
    attempts = parcel.delivery.attempts + 1
    return parcel.delivery.pk, _RECEIVED, attempts, now + _pause(attempts), None, error[:_MAX_ERROR], holds


def _failed(parcel: _Parcel, error: str, now: datetime) -> _Row:
    """Note a failed attempt; after the third one, give up."""
    attempts = parcel.delivery.attempts + 1
    if attempts >= MAX_ATTEMPTS:
        return parcel.delivery.pk, _FAILED, attempts, None, None, error, None
    return parcel.delivery.pk, _RECEIVED, attempts, now + _pause(attempts), None, error, parcel.senders


def _words(error: Exception) -> str:
    return "".join(traceback.format_exception_only(error)).strip().replace("\x00", "")[:_MAX_ERROR]


def _pause(attempts: int) -> timedelta:
    return timedelta(seconds=backoff_seconds(attempts, cap=60))
