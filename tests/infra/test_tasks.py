from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db import transaction
from django.utils.module_loading import autodiscover_modules
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from isflow.infra import tasks
from isflow.infra.tasks import HINT_TASKS, attend_hint, captured_hints, hint, register_hint

ROOT = Path(__file__).resolve().parents[2]


class Timers(list):
    """Timers that were started; none ticks by itself."""

    def __call__(self, seconds, action):
        self.append((seconds, action))
        return self

    daemon = False

    def start(self):
        assert self.daemon

    def run_out(self):
        for _, action in [self.pop() for _ in range(len(self))]:
            action()


@pytest.fixture
def timers(monkeypatch):
    made = Timers()
    monkeypatch.setattr(tasks.threading, "Timer", made)
    return made


@pytest.fixture
def sent(monkeypatch, timers):
    """The messages that reach the broker."""
    messages = []
    monkeypatch.setattr(tasks, "_captures", [])
    monkeypatch.setattr(tasks, "_quiet_until", 0.0)
    monkeypatch.setattr(tasks, "HINT_TASKS", {})
    monkeypatch.setattr(tasks, "_hearers", {})
    monkeypatch.setattr(tasks, "autodiscover_modules", lambda _: None)
    monkeypatch.setattr(
        tasks.current_app, "send_task", lambda *args, **kwargs: messages.append((args, kwargs))
    )
    register_hint("engine", task="some.pull", queue="engine")
    register_hint("send", task="some.send", queue="send")
    return messages


def names(messages):
    return [args[0] for args, _ in messages]


@pytest.mark.django_db(transaction=True)
def test_a_hint_leaves_after_the_commit_and_once(sent):
    with transaction.atomic():
        hint("engine")
        with transaction.atomic():
            hint("engine")
            hint("send")
        assert sent == []
    assert names(sent) == ["some.pull", "some.send"]


@pytest.mark.django_db(transaction=True)
def test_a_hint_expires_and_leaves_no_result(sent):
    hint("engine")
    assert sent == [
        (("some.pull",), {"queue": "engine", "expires": 3, "ignore_result": True, "retry": False})
    ]


@pytest.mark.django_db(transaction=True)
def test_many_hints_in_a_moment_are_sent_at_once_and_once_more(sent, timers):
    for _ in range(5):
        hint("engine")
    hint("send")
    assert names(sent) == ["some.pull", "some.send"]
    assert [0 < seconds <= tasks.WINDOW for seconds, _ in timers] == [True]
    timers.run_out()
    assert names(sent) == ["some.pull", "some.send", "some.pull"]
    hint("engine")  # a window begins with every message
    assert (len(sent), len(timers)) == (3, 1)


@pytest.mark.django_db(transaction=True)
def test_after_the_moment_a_hint_leaves_at_once_again(sent, timers, monkeypatch):
    hint("engine")
    later = tasks.time.monotonic() + tasks.WINDOW
    monkeypatch.setattr(tasks.time, "monotonic", lambda: later)
    hint("engine")
    assert (len(sent), len(timers)) == (2, 0)


@pytest.fixture
def clock(monkeypatch):
    """Let so many seconds pass."""
    at = [1000.0]
    monkeypatch.setattr(tasks.time, "monotonic", lambda: at[0])

    def let_pass(seconds):
        at[0] += seconds

    return let_pass


@pytest.mark.django_db(transaction=True)
def test_while_hints_do_not_pause_they_leave_less_often(sent, timers, clock):
    waits = []
    hint("engine")
    for _ in range(4):
        hint("engine")
        waits.append(timers[0][0])
        clock(waits[-1])
        timers.run_out()
    assert waits == pytest.approx([0.02, 0.04, 0.08, tasks.LONGEST_WINDOW])
    for _ in range(3):  # each pause makes the window shorter again
        clock(1)
        hint("engine")
    hint("engine")
    assert timers[0][0] == pytest.approx(tasks.WINDOW)


@pytest.mark.django_db(transaction=True)
def test_a_hint_that_this_process_hears_only_tells_the_others_now_and_then(sent, timers, clock):
    heard = []

    def hear():
        heard.append(1)
        return True

    attend_hint("engine", hear)
    for _ in range(3):
        hint("engine")
        clock(tasks.SHARED_WINDOW / 3)
    assert (len(heard), names(sent), timers) == (3, ["some.pull"], [])
    clock(0.001)
    hint("engine")
    hint("send")
    assert names(sent) == ["some.pull", "some.pull", "some.send"]


@pytest.mark.django_db(transaction=True)
def test_a_hint_that_nobody_here_hears_is_sent_as_ever(sent, timers, clock):
    attend_hint("engine", lambda: False)
    hint("engine")
    hint("engine")
    assert (names(sent), len(timers)) == (["some.pull"], 1)


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_savepoint_does_not_swallow_the_next_hint(sent):
    with transaction.atomic():
        with transaction.atomic():
            hint("engine")
            transaction.set_rollback(True)
        hint("engine")
    assert names(sent) == ["some.pull"]


@pytest.mark.django_db(transaction=True)
def test_a_rollback_takes_the_hint_along(sent):
    with transaction.atomic():
        hint("engine")
        transaction.set_rollback(True)
    with transaction.atomic():
        pass
    assert sent == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, RedisError, ConnectionResetError, TimeoutError])
def test_a_failing_broker_costs_nobody_anything(sent, monkeypatch, error):
    calls = []

    def fail(*args, **kwargs):
        calls.append(args)
        raise error("gone")

    monkeypatch.setattr(tasks.current_app, "send_task", fail)
    later = []
    with transaction.atomic():
        hint("engine")
        transaction.on_commit(lambda: later.append(1))
    assert later == [1]
    hint("engine")
    assert len(calls) == 1  # the broker is left alone for a moment


def test_the_tasks_are_looked_for_when_a_hint_is_not_known_yet(sent, monkeypatch, db):
    def discover(name):
        register_hint("late", task=f"some.{name}", queue="bulk")

    monkeypatch.setattr(tasks, "autodiscover_modules", discover)
    hint("late")
    assert tasks.HINT_TASKS["late"].queue == "bulk"


def test_an_unknown_hint_is_an_error(sent):
    with pytest.raises(LookupError, match="typo"):
        hint("typo")


def test_a_hint_has_one_meaning(sent):
    register_hint("engine", task="some.pull", queue="engine")
    with pytest.raises(ValueError, match="engine"):
        register_hint("engine", task="other.pull", queue="engine")


def test_captured_hints_are_seen_at_once(sent):
    with captured_hints() as seen:
        hint("engine")
        hint("engine")
        assert seen == ["engine", "engine"]
    assert sent == []


def test_every_hint_in_the_source_is_registered():
    autodiscover_modules("tasks")
    folders = [ROOT / name for name in ("isflow", "channels_app", "contacts", "conversations", "workflows")]
    found = {
        name
        for folder in folders
        for file in folder.rglob("*.py")
        for name in re.findall(r"\bhint\(\"(\w+)\"\)", file.read_text())
        if file != ROOT / "isflow/infra/tasks.py"
    }
    assert found <= set(HINT_TASKS)
