"""The cache that processes share, and counters of uses in it."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from typing import Any

import structlog
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

QUIET = 1.0
"""Seconds without counting after the cache failed, so that a dead one does not slow every request."""

log = structlog.get_logger(__name__)

_quiet_until = 0.0


class SharedRedisCache(RedisCache):
    """Django's Redis cache with one set of kept connections per process.

    Django makes a cache object per thread, and under ASGI per request; each would connect anew.
    """

    _servers: list[str]
    _options: dict[str, Any]

    @property
    def _cache(self) -> RedisCacheClient:
        return _process_client(os.getpid(), tuple(self._servers), **self._options)

    def count(self, key: str, seconds: int) -> int:
        """Count one use and return how many there were, in one round trip."""
        name = self.make_and_validate_key(key)
        pipeline = self._cache.get_client(name, write=True).pipeline(transaction=False)
        pipeline.set(name, 0, ex=seconds, nx=True)
        pipeline.incr(name)
        return int(pipeline.execute()[1])


@lru_cache
def _process_client(pid: int, servers: tuple[str, ...], **options: Any) -> RedisCacheClient:  # noqa: ARG001 - forked processes must not share sockets
    return RedisCacheClient(list(servers), **options)


def uses(key: str, *, seconds: int) -> int:
    """Count one use and return how many there were since the first of these seconds.

    A cache that forgets or is away counts too few, never too many.
    """
    global _quiet_until  # noqa: PLW0603 - one clock per process is the point
    if time.monotonic() < _quiet_until:
        return 1
    cache: Any = caches["default"]
    try:
        if isinstance(cache, SharedRedisCache):
            return cache.count(key, seconds)
        cache.add(key, 0, timeout=seconds)
        return int(cache.incr(key))
    except ValueError:  # it ran out between the two
        return 1
    except (OSError, RedisError) as error:
        _quiet_until = time.monotonic() + QUIET
        log.warning("cache.away", error=type(error).__name__)
        return 1
