"""Which processes look for work, and when each did so last; told through the cache, believed for a minute."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from typing import Any, Final

import redis
from django.core.cache import cache

INDEX: Final = "isflow:workers"
TIMEOUT: Final = 60
"""Seconds after which a process that says nothing is no longer listed."""
EVERY: Final = 2.0
"""Seconds between two signs of life of one process."""

_last = 0.0


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A process and when it last looked for work, in seconds since the epoch."""

    host: str
    pid: int
    at: float

    @property
    def age(self) -> float:
        """Seconds since its last sign of life."""
        return max(0.0, time.time() - self.at)


def beat() -> None:
    """Say that this process is looking for work. Costs nothing if it has just said so; never fails."""
    global _last  # noqa: PLW0603 - one clock per process is the point
    if time.monotonic() - _last < EVERY:
        return
    _last = time.monotonic()
    key = f"isflow:worker:{socket.gethostname()}:{os.getpid()}"
    try:
        cache.set(key, time.time(), TIMEOUT)
        # Two processes may overwrite each other's entry; whoever is missing adds itself at the next beat.
        known = _index()
        if key not in known:
            alive = cache.get_many(known)
            cache.set(INDEX, [*alive, key], None)
    except (redis.RedisError, OSError):
        return


def forget() -> None:
    """Let the next beat be told at once; for tests."""
    global _last  # noqa: PLW0603 - as above
    _last = 0.0


def workers_seen() -> list[WorkerSeen]:
    """Every process heard of in the last minute, the one heard last first; nobody while the cache is away."""
    try:
        found = cache.get_many(_index())
    except (redis.RedisError, OSError):
        return []
    seen = [_seen(key, at) for key, at in found.items()]
    return sorted(seen, key=lambda worker: worker.at, reverse=True)


def sweeper_age() -> float | None:
    """Seconds since any process last looked for work; None if none was heard of."""
    return min((worker.age for worker in workers_seen()), default=None)


def _index() -> list[str]:
    found: Any = cache.get(INDEX)
    return list(found) if isinstance(found, list) else []


def _seen(key: str, at: float) -> WorkerSeen:
    host, _colon, pid = key.removeprefix("isflow:worker:").rpartition(":")
    return WorkerSeen(host, int(pid), at)
