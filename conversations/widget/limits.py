"""How often strangers may write: counters of one minute in the cache, per visitor and per address."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from isflow.kernel.ids import token_digest

WINDOW_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` times a minute for each visitor or address."""

    name: str
    count: int


MESSAGES_PER_VISITOR: Final = Limit("widget.visitor", 30)
MESSAGES_PER_IP: Final = Limit("widget.messages", 240)
SESSIONS_PER_IP: Final = Limit("widget.sessions", 60)


def within(limit: Limit, subject: str) -> bool:
    """Count one use; False if the subject has used up this minute."""
    window = int(time.time()) // WINDOW_SECONDS
    key = f"{limit.name}:{token_digest(subject)[:32]}:{window}"
    cache.add(key, 0, timeout=WINDOW_SECONDS * 2)
    try:
        return cache.incr(key) <= limit.count
    except ValueError:  # the cache threw the counter out between the two calls
        return True


def client_ip(request: HttpRequest) -> str:
    """Return the address of whoever calls; behind our proxy the one that the proxy itself saw."""
    if settings.ISFLOW_BEHIND_PROXY:
        forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
        if forwarded:
            return forwarded
    return str(request.META.get("REMOTE_ADDR", ""))
