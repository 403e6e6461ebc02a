from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from django.db import DatabaseError

from isflow.infra import selfcheck
from isflow.infra.tasks import HINT_TASKS, HintTask


class Work:
    """Something to do that the test makes late, and a count of the hints given for it."""

    def __init__(self):
        self.age, self.hints = 0.0, 0

    def oldest(self):
        if self.age is None:
            raise DatabaseError
        return self.age

    def publish(self):
        self.hints += 1


@pytest.fixture
def work(monkeypatch):
    made = Work()
    monkeypatch.setitem(HINT_TASKS, "digging", HintTask("digging", "garden", made.publish))
    monkeypatch.setitem(selfcheck._due, "digging", made.oldest)
    return made


@pytest.fixture
def check(work):
    return selfcheck.SelfCheck(["digging"], limit=30)


def looks(check, number):
    return [check.look() for _ in range(number)]


def test_a_worker_that_does_nothing_about_due_rows_for_half_a_minute_is_of_no_use(work, check):
    work.age = 40
    assert looks(check, 6) == [False] * 5 + [True]


def test_before_that_it_gives_itself_the_hint_that_beat_owes_it(work, check):
    work.age = 40
    looks(check, 1)
    assert work.hints == 0
    looks(check, 4)
    assert work.hints == 4


def test_an_idle_worker_stays(work, check):
    assert not any(looks(check, 100))
    assert work.hints == 0


def test_rows_that_have_just_come_due_are_not_late(work, check):
    work.age = 4
    assert not any(looks(check, 100))


def test_a_worker_that_works_stays_however_late_it_is(work, check):
    work.age = 500
    for _ in range(100):
        check.note()
        assert not check.look()


def test_the_half_minute_begins_anew_after_each_task(work, check):
    work.age = 40
    looks(check, 5)
    check.note()
    assert looks(check, 6) == [False] * 6
    assert check.look()


def test_a_part_that_is_away_is_no_reason_to_leave(work, check):
    work.age = None
    assert not any(looks(check, 100))


def test_only_workers_that_serve_the_queue_watch_themselves(work, monkeypatch):
    threads = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: threads.append(thread.name))
    for queues in ({"bulk"}, {"garden", "bulk"}):
        amqp = SimpleNamespace(queues=SimpleNamespace(consume_from=dict.fromkeys(queues)))
        selfcheck._begin(SimpleNamespace(app=SimpleNamespace(amqp=amqp)))
    assert threads == ["selfcheck"]


@pytest.mark.parametrize(("embedded", "exits"), [(False, [1]), (True, [])])
def test_one_process_that_does_everything_stays_and_only_tells(settings, monkeypatch, embedded, exits):
    settings.ISFLOW_EMBEDDED = embedded
    left = []
    monkeypatch.setattr(selfcheck.os, "_exit", left.append)
    selfcheck._make_way()
    assert left == exits
