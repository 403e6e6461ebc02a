"""Channels whose provider is down: after several failures in a row nothing but one probe now and then leaves.

What waits stays due and loses no attempt; the first success lets everything go on at once.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings

from conversations.models import ChannelPace, Message
from isflow.infra.prepared import Among, Given, Prepared, every
from isflow.infra.tasks import hint
from isflow.workspaces.scope import current_workspace_id

_JITTER = 0.1

log = structlog.get_logger(__name__)


def probe_pause() -> timedelta:
    """Return how long an open channel rests until the next probe: as set, or a little less at random."""
    seconds: float = settings.ISFLOW_PROBE_SECONDS
    return timedelta(seconds=seconds * (1 - random.uniform(0, _JITTER)))  # noqa: S311 - spreads load only


def channels_heard(channel_ids: Collection[int], at: datetime) -> None:
    """Note that the providers answered: failures are forgotten, open channels closed and served at once."""
    rows = _TROUBLED(workspace=current_workspace_id(), ids=channel_ids)
    if not rows:
        return
    ChannelPace.objects.filter(pk__in=[row.pk for row in rows], failed_at__isnull=False).update(
        failures=[], failed_at=None, open_since=None, next_at=None
    )
    closed = [row.channel_id for row in rows if row.open_since is not None]
    if closed:
        log.info("channels.closed_circuit", channels=closed)
        waiting = Message.objects.filter(channel_id__in=closed, status=Message.Status.QUEUED)
        waiting.filter(not_before__gt=at).update(not_before=None)
        hint("send")


_TROUBLED: Final = Prepared(
    lambda: (
        every(ChannelPace)
        .filter(Among("channel_id", "ids"), workspace_id=Given("workspace"))
        .filter(failed_at__isnull=False)
        .select_for_update()
        .order_by("pk")
    )
)


def channels_failed(
    workspace_id: int, failures: Mapping[int, Sequence[datetime]], at: datetime
) -> frozenset[int]:
    """Note failures of channels; return those of the channels that are taken to be down now."""
    if not failures:
        return frozenset()
    ChannelPace.objects.bulk_create(
        [ChannelPace(workspace_id=workspace_id, channel_id=pk) for pk in sorted(failures)],
        ignore_conflicts=True,
    )
    down: set[int] = set()
    for pace in ChannelPace.objects.select_for_update().filter(channel_id__in=failures).order_by("pk"):
        if _fail(pace, failures[pace.channel_id], at):
            down.add(pace.channel_id)
    return frozenset(down)


def _fail(pace: ChannelPace, failures: Sequence[datetime], at: datetime) -> bool:
    """Count failures of one channel; say whether it is open now."""
    limit: int = settings.ISFLOW_BREAKER_FAILURES
    oldest = at.timestamp() - settings.ISFLOW_BREAKER_SECONDS
    moments = sorted([*pace.failures, *(one.timestamp() for one in failures)])
    pace.failures = [moment for moment in moments if moment > oldest][-limit:]
    pace.failed_at = at
    if pace.open_since is None and len(pace.failures) >= limit:
        pace.open_since = at
        log.warning("channel.opened_circuit", channel_id=pace.channel_id)
    if pace.open_since is not None:
        pace.next_at = at + probe_pause()
    pace.save(update_fields=["failures", "failed_at", "open_since", "next_at"])
    return pace.open_since is not None
