"""Who sends which message: claims with a lease and a fencing token, oldest first, fair to workspaces."""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from channels_app.models import Channel
from conversations.models import Message
from conversations.services.messages import capabilities_of
from isflow.infra.db import update_many
from isflow.infra.faults import declare, fault_point

declare("send.before_claim_commit")

UNSENT = (Message.Status.QUEUED, Message.Status.SENDING)
MAX_SHARES = 16
"""Workspaces served by one claim; those left out come next time, the choice being random."""


def claim(limit: int) -> list[Message]:
    """Take up to ``limit`` due messages; they are ``sending`` and ours when this returns.

    Must be called with the workspaces' wall lifted and outside any transaction.

    Only the oldest unsent message of a contact on a channel is ever taken, so that order is kept.
    """
    with transaction.atomic():
        found = _throttled(_candidates(limit, timezone.now()))
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


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.ISFLOW_LEASE_SECONDS)


def _due(now: datetime) -> QuerySet[Message]:
    """Queued messages whose time has come, on channels that may send now."""
    return Message.objects.filter(
        Q(not_before=None) | Q(not_before__lte=now),
        Q(channel__not_before=None) | Q(channel__not_before__lte=now),
        status=Message.Status.QUEUED,
        channel__isnull=False,
    ).exclude(channel__status=Channel.Status.DISCONNECTED)


def _candidates(limit: int, now: datetime) -> list[Message]:
    workspaces = list(_due(now).values_list("workspace_id", flat=True).distinct().order_by())
    if not workspaces:
        return []
    random.shuffle(workspaces)
    shares = workspaces[: min(limit, MAX_SHARES)]
    size = math.ceil(limit / len(shares))
    earlier = Message.objects.filter(
        contact_id=OuterRef("contact_id"),
        channel_id=OuterRef("channel_id"),
        pk__lt=OuterRef("pk"),
        status__in=UNSENT,
    )
    found: list[Message] = []
    for workspace_id in shares:
        found += (
            _due(now)
            .filter(~Exists(earlier), workspace_id=workspace_id)
            .select_related("channel", "identity")
            .select_for_update(of=("self",), no_key=True, skip_locked=True)
            .order_by("pk")[:size]
        )
    return found[:limit]


def _throttled(messages: Sequence[Message]) -> list[Message]:
    """Take no more of a channel than its provider allows per second, and let the channel rest accordingly."""
    rates = {
        one.channel.pk: rate
        for one in messages
        if one.channel is not None and (rate := capabilities_of(one.channel).sends_per_second)
    }
    if not rates:
        return list(messages)
    now = timezone.now()
    channels = {
        row.pk: row for row in Channel.objects.select_for_update().filter(pk__in=rates).order_by("pk")
    }
    left = {
        pk: 0 if (row.not_before and row.not_before > now) else max(1, int(rates[pk]))
        for pk, row in channels.items()
    }
    taken: dict[int, int] = {}
    kept: list[Message] = []
    for one in messages:
        pk = one.channel_id
        if pk not in rates:
            kept.append(one)
        elif taken.get(pk, 0) < left.get(pk, 0):
            taken[pk] = taken.get(pk, 0) + 1
            kept.append(one)
    pauses = [(pk, now + timedelta(seconds=number / rates[pk])) for pk, number in taken.items()]
    update_many(Channel, "id", ["not_before"], pauses)
    return kept
