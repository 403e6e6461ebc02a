"""Who sends which message: claims with a lease and a fencing token, oldest first, fair to all workspaces."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from channels_app.models import Channel
from conversations import limits
from conversations.limits import Ready
from conversations.models import ChannelPace, Message, RecipientPace
from isflow.infra.db import update_many
from isflow.infra.faults import declare, fault_point
from isflow.infra.prepared import Given, Prepared, every

declare("send.before_claim_commit")

UNSENT = (Message.Status.QUEUED, Message.Status.SENDING)
MAX_SHARES = 16
"""Workspaces, and channels of each, served by one claim; who is left out comes next time, by lot."""
LONGEST_REST = 2.0
"""Seconds a sender waits for a limit; beyond that the sweep comes anyway."""


def claim(limit: int, flying: Collection[Message] = (), *, slots: int | None = None) -> list[Message]:
    """Take up to ``limit`` due messages; they are ``sending`` and ours when this returns.

    ``flying``: what this sender has in the air on its ``slots``; no channel and no workspace gets all of
    them. Only the oldest unsent message of a contact on a channel is ever taken, so that order is kept.
    Must be called with the workspaces' wall lifted and outside any transaction.
    """
    now = timezone.now()
    turns = _ready(now)
    if not turns:
        return []
    with transaction.atomic():
        found = _candidates(turns, limit, flying, slots or settings.ISFLOW_SEND_SLOTS, now)
        if not found:
            return []
        until = _lease_end()
        won = set(
            update_many(
                Message,
                "id",
                ["status", "lease_token", "lease_until", "attempts"],
                [_claimed(one, until) for one in found],
                fence=["status", "lease_token"],
            )
        )
        claimed = [one for one in found if one.pk in won]
        for one in claimed:
            one.status, one.lease_until = Message.Status.SENDING, until
            one.lease_token += 1
            one.attempts += 1
        fault_point("send.before_claim_commit")
    return claimed


def _claimed(message: Message, until: datetime) -> tuple[object, ...]:
    """Return key, fence and new values of a message we want."""
    seen = (message.pk, message.status, message.lease_token)
    return (*seen, Message.Status.SENDING, message.lease_token + 1, until, message.attempts + 1)


def renew(messages: Collection[Message]) -> None:
    """Keep our claims while the calls are still in flight; a claim that is no longer ours stays lost."""
    if messages:
        update_many(
            Message,
            "id",
            ["lease_until"],
            [(one.pk, one.lease_token, _lease_end()) for one in messages],
            fence=["lease_token"],
            where={"status": Message.Status.SENDING},
        )


def rest_seconds() -> float | None:
    """Return after how many seconds something leaves that only a limit holds back; None if nothing soon."""
    now = timezone.now()
    ends = [end for row in _RESTS(now=now, soon=now + timedelta(seconds=LONGEST_REST)) for end in row if end]
    return min((end - now).total_seconds() for end in ends) if ends else None


def _rests() -> QuerySet[Channel, tuple[datetime | None, datetime | None]]:
    """Return for each channel with something to send when its own rest ends, and the next of a recipient."""
    soon = {"next_at__gt": Given("now"), "next_at__lte": Given("soon")}
    own = (
        every(ChannelPace)
        .filter(
            Q(channel__not_before=None) | Q(channel__not_before__lte=Given("now")),
            channel_id=OuterRef("pk"),
            open_since=None,
            **soon,
        )
        .exclude(channel__status=Channel.Status.DISCONNECTED)
    )
    to_them = _queued().filter(identity_id=OuterRef("identity_id"))
    people = every(RecipientPace).filter(Exists(to_them), **soon).order_by("next_at")
    busy = every(Channel).filter(Exists(_queued().filter(channel_id=OuterRef("pk"))))
    return busy.values_list(Subquery(own.values("next_at")), Subquery(people.values("next_at")[:1]))


_RESTS: Final = Prepared(_rests)


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.ISFLOW_LEASE_SECONDS)


def _is_due() -> Q:
    return Q(not_before=None) | Q(not_before__lte=Given("now"))


def _queued() -> QuerySet[Message]:
    # Both conditions: SQLite finds a partial index only by the very words of the index.
    rows = every(Message).filter(status=Message.Status.QUEUED, status__in=UNSENT)
    return rows.filter(_is_due())


_READY: Final = Prepared(
    lambda: (
        every(Channel)
        .filter(
            _is_due(),
            Q(pace=None) | Q(pace__next_at=None) | Q(pace__next_at__lte=Given("now")),
            Exists(_queued().filter(channel=OuterRef("pk"))),
        )
        .exclude(status=Channel.Status.DISCONNECTED)
        .values_list("pk", "workspace_id", "kind", "pace__open_since")
    )
)


def _ready(now: datetime) -> list[list[Ready]]:
    """Return the channels that may send and have something to, by workspace, both in random order."""
    groups: dict[int, list[Ready]] = {}
    for pk, workspace_id, kind, open_since in _READY(now=now):
        ready = Ready(pk, workspace_id, kind, open_since is not None)
        groups.setdefault(workspace_id, []).append(ready)
    turns = list(groups.values())
    random.shuffle(turns)
    for turn in turns:
        random.shuffle(turn)
    return turns


def _candidates(
    ready: Sequence[list[Ready]], limit: int, flying: Collection[Message], slots: int, now: datetime
) -> list[Message]:
    """Lock what is to be claimed: every workspace gets an equal share, and of it every channel."""
    most = limits.shares(slots)
    of_workspace = Counter(one.workspace_id for one in flying)
    of_channel = Counter(one.channel_id for one in flying)
    turns = [
        [one for one in turn if of_channel[one.channel_id] < most["channel"]][:MAX_SHARES]
        for turn in ready
        if of_workspace[turn[0].workspace_id] < most["workspace"]
    ]
    turns = [turn for turn in turns if turn][: min(limit, MAX_SHARES)]
    found: list[Message] = []
    for number, turn in enumerate(turns):
        share = math.ceil((limit - len(found)) / (len(turns) - number))
        share = min(share, most["workspace"] - of_workspace[turn[0].workspace_id])
        for place, one in enumerate(turn):
            size = math.ceil(share / (len(turn) - place))
            size = min(size, most["channel"] - of_channel[one.channel_id])
            if size > 0:
                rows = _take(one, size, now)
                share -= len(rows)
                found += rows
    return found


def _take(ready: Ready, size: int, now: datetime) -> Sequence[Message]:
    """Lock up to ``size`` messages of one channel, as far as its provider allows, and count them."""
    permit = limits.permit_of(ready, size, now)
    if permit.number == 0:
        return []
    # A probe is drawn by lot: one message that the provider never takes must not keep its channel closed.
    by_lot = permit.pace is not None and permit.pace.open_since is not None
    people_rest = bool(ready.capabilities.sends_per_recipient_seconds)
    heads = _heads(permit.number, by_lot=by_lot, people_rest=people_rest)
    rows = heads(channel=ready.channel_id, now=now)
    limits.note_claimed(permit, rows, now)
    return rows


@lru_cache
def _heads(number: int, *, by_lot: bool, people_rest: bool) -> Prepared[Message]:
    """Return the query that locks due messages of a channel, none of which waits for an older one."""
    return Prepared(lambda: _heads_of(people_rest=people_rest).order_by("?" if by_lot else "pk")[:number])


def _heads_of(*, people_rest: bool) -> QuerySet[Message]:
    earlier = every(Message).filter(
        contact_id=OuterRef("contact_id"),
        channel_id=Given("channel"),
        pk__lt=OuterRef("pk"),
        status__in=UNSENT,
    )
    heads = _queued().filter(~Exists(earlier), channel_id=Given("channel"))
    if people_rest:
        resting = every(RecipientPace).filter(identity_id=OuterRef("identity_id"), next_at__gt=Given("now"))
        heads = heads.filter(~Exists(resting))
    locked = heads.select_for_update(of=("self",), no_key=True, skip_locked=True)
    return locked.select_related("channel", "identity")
