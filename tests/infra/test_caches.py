from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import cache, caches
from redis.exceptions import ConnectionError as RedisConnectionError

from isflow.infra import caches as shared
from isflow.infra.caches import SharedRedisCache, uses
from tests.harness.servers import redis_server


@pytest.fixture(autouse=True)
def _not_quiet(monkeypatch):
    monkeypatch.setattr(shared, "_quiet_until", 0.0)


@pytest.fixture
def redis_cache(settings):
    with redis_server() as url:
        backend = {"BACKEND": "isflow.infra.caches.SharedRedisCache", "LOCATION": url}
        settings.CACHES = {"default": {**backend, "KEY_PREFIX": "isflow-test"}}
        yield caches["default"]


def test_uses_are_counted_one_by_one():
    assert [uses("door", seconds=60) for _ in range(3)] == [1, 2, 3]
    assert uses("window", seconds=60) == 1


def test_a_counter_begins_anew_when_its_time_is_over():
    uses("door", seconds=60)
    cache.touch("door", 0)
    assert uses("door", seconds=60) == 1


def test_a_counter_that_vanishes_in_between_counts_as_new(monkeypatch):
    monkeypatch.setattr(type(caches["default"]), "add", lambda *_, **__: False)
    assert uses("door", seconds=60) == 1


def test_a_cache_that_is_away_refuses_nobody_and_is_left_alone_for_a_moment(monkeypatch):
    asked = []

    def fail(*_, **__):
        asked.append(1)
        raise RedisConnectionError("gone")

    monkeypatch.setattr(type(caches["default"]), "add", fail)
    assert [uses("door", seconds=60) for _ in range(3)] == [1, 1, 1]
    assert asked == [1]


@pytest.mark.postgres
def test_redis_counts_alike_and_forgets_in_time(redis_cache):
    assert [uses("door", seconds=60) for _ in range(3)] == [1, 2, 3]
    client = redis_cache._cache.get_client("door", write=True)
    assert 0 < client.ttl(redis_cache.make_key("door")) <= 60


def test_all_requests_of_a_process_share_their_connections(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "isflow.infra.caches.SharedRedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_timeout": 0.5},
        }
    }

    async def of_a_request():
        pool = ThreadPoolExecutor(1)
        return await sync_to_async(lambda: caches["default"], thread_sensitive=False, executor=pool)()

    first, second = (asyncio.run(of_a_request()) for _ in range(2))
    assert isinstance(first, SharedRedisCache)
    assert first is not second
    assert first._cache is second._cache
