from __future__ import annotations

import pytest
from django.core.cache import cache

from isflow.infra import workers


class Away:
    """A cache whose Redis is gone."""

    def __getattr__(self, name):
        def fail(*args, **kwargs):
            raise ConnectionError

        return fail


@pytest.fixture(autouse=True)
def _first_beat():
    workers.forget()


def test_a_process_that_looks_for_work_is_seen():
    workers.beat()
    [seen] = workers.workers_seen()
    assert seen.age < 5
    assert workers.sweeper_age() < 5


def test_nobody_is_seen_where_nobody_beats():
    assert workers.workers_seen() == []
    assert workers.sweeper_age() is None


def test_beats_in_a_row_are_told_once(monkeypatch):
    workers.beat()
    monkeypatch.setattr(workers, "cache", Away())
    workers.beat()


def test_a_process_that_says_nothing_for_a_minute_is_forgotten():
    workers.beat()
    [key] = cache.get(workers.INDEX)
    cache.delete(key)
    assert workers.workers_seen() == []


def test_a_cache_that_is_away_harms_neither_worker_nor_page(monkeypatch):
    monkeypatch.setattr(workers, "cache", Away())
    workers.beat()
    assert workers.workers_seen() == []
    assert workers.sweeper_age() is None
