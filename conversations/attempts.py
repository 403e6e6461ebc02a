"""One attempt to send: what came of it, and whether and when the message is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from conversations.limits import max_age
from conversations.models import Message
from isflow.kernel.retry import backoff_seconds

MAX_RETRIES = 3
UNREACHED_SECONDS = 2.0
"""Shortest pause before a provider that could not be reached is tried again."""
JITTER = 0.1
"""Part by which a pause that the provider asked for is lengthened at most."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one claim: ``status`` is sent, failed, unknown, or queued to be tried again.

    ``heard``: the provider answered (True), did not (False), or was not asked (None).
    """

    message: Message
    status: str
    at: datetime
    external_id: str | None = None
    error: str = ""
    not_before: datetime | None = None
    pause_until: datetime | None = None
    counted: bool = True
    heard: bool | None = None


def try_again(message: Message, error: str, *, retry_after: float | None, unreached: bool = False) -> Attempt:
    """Decide on a refusal that may pass: after 2, 8 and 30 s again, then failed.

    Two refusals do not count, so that only age ends the message. If the provider says when it will listen
    again, the whole channel waits. If it could not be reached, the message comes again after a pause that
    grows to that between two probes of a channel that is down.
    """
    now = timezone.now()
    if now - message.created_at > max_age():
        return Attempt(message, Message.Status.FAILED, now, error=error)
    if retry_after is not None:
        longer = 1 + random.uniform(0, JITTER)  # noqa: S311 - spreads load only
        pause = now + min(timedelta(seconds=retry_after * longer), max_age())
        queued = Message.Status.QUEUED
        return Attempt(message, queued, now, error=error, not_before=pause, pause_until=pause, counted=False)
    if unreached:
        pause = now + timedelta(seconds=_unreached_seconds(message, now))
        return Attempt(message, Message.Status.QUEUED, now, error=error, not_before=pause, counted=False)
    if message.attempts > MAX_RETRIES:
        return Attempt(message, Message.Status.FAILED, now, error=error)
    not_before = now + timedelta(seconds=backoff_seconds(message.attempts))
    return Attempt(message, Message.Status.QUEUED, now, error=error, not_before=not_before)


def _unreached_seconds(message: Message, now: datetime) -> float:
    """Return a quarter of the message's age: five tries within ten seconds, so that the breaker notices."""
    age = (now - message.created_at).total_seconds()
    longest: float = settings.ISFLOW_PROBE_SECONDS
    return max(UNREACHED_SECONDS, min(age / 4, longest))
