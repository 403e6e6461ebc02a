"""Online, Busy, Offline: people choose the first two, inactivity and logout bring the third."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from isflow.kernel.errors import Rejected
from isflow.workspaces.live import whisper
from isflow.workspaces.models import Membership, Presence, User
from isflow.workspaces.scope import all_workspaces

STREAM: Final = "presence"
TOUCH_SECONDS: Final = 60
"""Activity is written down at most this often."""


def presence_choose(*, membership: Membership, presence: str) -> None:
    """Set what a person wants to be while active: Online or Busy."""
    if presence not in {Presence.ONLINE, Presence.BUSY}:
        raise Rejected("Choose online or busy.")
    with transaction.atomic():
        Membership.objects.filter(pk=membership.pk).update(
            chosen_presence=presence, presence=presence, last_seen_at=timezone.now()
        )
        membership.chosen_presence = membership.presence = presence
        _tell(membership)


def presence_touch(*, membership: Membership) -> None:
    """Note activity; the first after an absence brings the chosen presence back."""
    now = timezone.now()
    seen = membership.last_seen_at
    recent = seen is not None and now - seen < timedelta(seconds=TOUCH_SECONDS)
    if recent and membership.presence != Presence.OFFLINE:
        return
    was = membership.presence
    with transaction.atomic():
        Membership.objects.filter(pk=membership.pk).update(presence=F("chosen_presence"), last_seen_at=now)
        membership.last_seen_at = now
        membership.presence = membership.chosen_presence
        if was != membership.presence:
            _tell(membership)


def presence_leave(*, user: User) -> None:
    """Go offline everywhere at once: the person has signed out."""
    with all_workspaces(), transaction.atomic():
        members = list(Membership.objects.filter(user=user).exclude(presence=Presence.OFFLINE))
        _go_offline(members)


def presence_sweep() -> int:
    """Put everybody offline whose workspace's timeout has passed; return how many. For the sweeper."""
    now = timezone.now()
    with all_workspaces(), transaction.atomic():
        present = Membership.objects.exclude(presence=Presence.OFFLINE).select_related("workspace", "user")
        idle = [
            member
            for member in present.filter(
                Q(last_seen_at=None) | Q(last_seen_at__lt=now - timedelta(minutes=1))
            )
            if member.last_seen_at is None
            or now - member.last_seen_at > timedelta(minutes=member.workspace.presence_timeout_minutes)
        ]
        _go_offline(idle)
    return len(idle)


def _go_offline(members: list[Membership]) -> None:
    for member in members:
        # Whoever moved since we looked stays.
        seen = Membership.objects.filter(pk=member.pk, last_seen_at=member.last_seen_at)
        if seen.update(presence=Presence.OFFLINE):
            member.presence = Presence.OFFLINE
            _tell(member)


def _tell(membership: Membership) -> None:
    data = {"user_id": membership.user_id, "presence": str(membership.presence)}
    whisper(membership.workspace_id, STREAM, "presence.changed", data)
