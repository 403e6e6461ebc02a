"""What providers allow: so many messages in any second, a rest between two to the same address.

Everything is counted when a message is claimed, under the lock of the channel's pace, so that any number of
workers together stay within the limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from channels_app.contract import Capabilities, adapters
from conversations.breaker import probe_pause
from conversations.models import ChannelPace, Message, RecipientPace
from isflow.infra.pruning import deadline, delete_unseen, prune_in_turns
from isflow.workspaces.scope import all_workspaces

MARGIN = 1.1
"""Calls leave a little later than they are claimed, each by another little: hence the longer windows."""
_ROUNDING = 0.001
"""Seconds by which a moment, counted as a float, may come too early."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` messages in any span of ``seconds``."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Ready:
    """A channel that may send and has something to send. ``is_open``: its provider is taken to be down."""

    channel_id: int
    workspace_id: int
    kind: str
    is_open: bool

    @property
    def capabilities(self) -> Capabilities:
        """What the channel can carry; a kind nobody knows (a removed plug-in) has no limits."""
        return adapters.get(self.kind).capabilities if self.kind in adapters else Capabilities()


@dataclass(frozen=True, slots=True)
class Permit:
    """How many messages of a channel may be claimed now. ``pace`` is locked; None: nothing is counted."""

    number: int
    pace: ChannelPace | None = None
    rate: Rate | None = None
    recipient_seconds: float | None = None


def rate_of(capabilities: Capabilities) -> Rate | None:
    """Return the limit of a channel as a number in a window; None if there is none."""
    per_second = capabilities.sends_per_second
    if not per_second or per_second <= 0:
        return None
    return Rate(max(1, int(per_second)), max(1.0, 1 / per_second) * MARGIN)


def permit_of(ready: Ready, wanted: int, at: datetime) -> Permit:
    """Say how many of ``wanted`` messages may leave; a channel that another worker serves now gives none."""
    rate = rate_of(ready.capabilities)
    rest = ready.capabilities.sends_per_recipient_seconds
    if rate is None and not ready.is_open:
        return Permit(wanted, recipient_seconds=rest)
    pace = _pace_locked(ready)
    if pace is None or (pace.next_at is not None and pace.next_at > at):
        return Permit(0)
    number = wanted
    if rate is not None:
        number = min(number, rate.count - int(sum(count for _, count in _within(pace, rate, at))))
    if pace.open_since is not None:
        number = min(number, 1)
    return Permit(max(0, number), pace, rate, rest)


def note_claimed(permit: Permit, messages: Sequence[Message], at: datetime) -> None:
    """Count what was claimed, and close the channel until the next message may follow."""
    if not messages:
        return
    if permit.recipient_seconds:
        _rest_recipients(messages, at + timedelta(seconds=permit.recipient_seconds * MARGIN))
    pace = permit.pace
    if pace is None:
        return
    pace.next_at = None
    if permit.rate is not None:
        claims: list[list[float]] = [*_within(pace, permit.rate, at), [at.timestamp(), len(messages)]]
        pace.recent = claims
        if sum(count for _, count in claims) >= permit.rate.count:
            left = permit.rate.seconds - (at.timestamp() - claims[0][0])
            pace.next_at = at + timedelta(seconds=left + _ROUNDING)
    if pace.open_since is not None:
        probe = at + probe_pause()
        pace.next_at = max(probe, pace.next_at or probe)
    pace.save(update_fields=["next_at", "recent"])


def rests_prune(is_over: Callable[[], bool] | None = None) -> int:
    """Forget the rests of recipients that are over; return how many."""
    with all_workspaces():
        return prune_in_turns([timezone.now()], _rests_prune, is_over or deadline())


def _rests_prune(now: datetime) -> int:
    rows = RecipientPace.objects.filter(next_at__lt=now).order_by("next_at")
    ids = list(rows.values_list("pk", flat=True)[: settings.ISFLOW_PRUNE_BATCH])
    # A recipient that was written to meanwhile rests again.
    return delete_unseen(RecipientPace.objects.filter(pk__in=ids, next_at__lt=now)) if ids else 0


def shares(slots: int) -> Mapping[str, int]:
    """Return how many of a sender's slots one channel and one workspace may hold at most."""
    return {"channel": max(1, slots // 2), "workspace": max(1, slots * 3 // 4)}


def max_age() -> timedelta:
    """Return the age at which a message that could not leave fails."""
    return timedelta(hours=settings.ISFLOW_SEND_MAX_AGE_HOURS)


def _pace_locked(ready: Ready) -> ChannelPace | None:
    """Return the channel's pace, made if need be, locked; None if another worker holds it."""
    rows = ChannelPace.objects.filter(channel_id=ready.channel_id)
    if not rows.exists():
        fresh = ChannelPace(workspace_id=ready.workspace_id, channel_id=ready.channel_id)
        ChannelPace.objects.bulk_create([fresh], ignore_conflicts=True)
    return rows.select_for_update(skip_locked=True).first()


def _within(pace: ChannelPace, rate: Rate, at: datetime) -> list[list[float]]:
    """Return the claims that still count. A clock set back makes none count for longer than a window."""
    now = at.timestamp()
    return [entry for entry in pace.recent if -rate.seconds < now - entry[0] < rate.seconds]


def _rest_recipients(messages: Sequence[Message], until: datetime) -> None:
    rows = {
        one.identity_id: RecipientPace(
            workspace_id=one.workspace_id, identity_id=one.identity_id, next_at=until
        )
        for one in messages
        if one.identity_id is not None
    }
    RecipientPace.objects.bulk_create(
        [rows[key] for key in sorted(rows)],
        update_conflicts=True,
        unique_fields=["identity"],
        update_fields=["next_at"],
    )
