"""A wait ends when it is due, not with the next sweep; nothing rests on that."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from isflow.workspaces.scope import workspace_scope
from tests.factories import make_workspace
from tests.factories_contacts import make_contacts
from tests.factories_workflows import document, publish
from tests.races.arena import until
from workflows.engine import alarm as alarms
from workflows.engine.alarm import Alarm
from workflows.engine.claims import HORIZON
from workflows.engine.pull import pull
from workflows.models import Run
from workflows.tasks import pull_due

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


class Seconds:
    """A clock for the alarm that only moves when it is told to."""

    def __init__(self):
        self.value = 100.0

    def __call__(self):
        return self.value

    def shift(self, ringing, seconds):
        """Let time pass, and wake the alarm's thread to look."""
        with ringing._changed:
            self.value += seconds
            ringing._changed.notify()


@pytest.fixture
def seconds(monkeypatch, clock):
    counted = Seconds()
    monkeypatch.setattr(alarms, "monotonic", counted)
    return counted


def alive():
    return [thread for thread in threading.enumerate() if thread.name == "isflow-alarm"]


def in_seconds(number):
    return START + timedelta(seconds=number)


def test_it_rings_once_at_the_earliest_instant_and_its_thread_ends(seconds):
    rings = []
    alarm = Alarm(lambda: rings.append(seconds.value))
    for number in (1.25, 0.5, 0.75):
        alarm.set(in_seconds(number))
    assert len(alive()) == 1
    seconds.shift(alarm, 0.25)
    assert rings == []
    seconds.shift(alarm, 0.25)
    until(lambda: not alive())
    assert rings == [100.5]


def test_what_is_set_after_it_rang_starts_it_anew(seconds):
    rings = []
    alarm = Alarm(lambda: rings.append(seconds.value))
    for number in (1, 2):
        alarm.set(in_seconds(0.5))
        seconds.shift(alarm, 0.5)
        until(lambda: not alive())
        assert len(rings) == number


def test_timers_close_together_are_gathered(seconds):
    rings = []
    alarm = Alarm(lambda: rings.append(seconds.value))
    alarm.set(in_seconds(0.001))
    seconds.shift(alarm, 0.0625)
    alarm.set(in_seconds(0.06))
    (thread,) = alive()
    thread.join(0.1)
    assert thread.is_alive()
    seconds.shift(alarm, 0.0625)
    until(lambda: not alive())
    assert rings == [100.125]


def test_an_alarm_that_fails_rings_again(seconds):
    rings = []

    def ring():
        rings.append(seconds.value)
        raise RuntimeError("the broker burnt down")

    alarm = Alarm(ring)
    for number in (1, 2):
        alarm.set(in_seconds(0.25))
        seconds.shift(alarm, 0.25)
        until(lambda: not alive())
        assert len(rings) == number


@pytest.fixture
def waiting(clock):
    """Runs of two workspaces that wait until the given seconds from now."""

    def make(*ends):
        draft = document("manual", ("pause", "wait", {"duration": {"value": 1, "unit": "minutes"}}))
        for number, end in enumerate(ends):
            workspace = make_workspace(f"shop-{number}")
            workflow = publish(workspace, draft)
            (contact,) = make_contacts(workspace, 1)
            with workspace_scope(workspace.pk):
                Run.objects.create(
                    workspace=workspace,
                    workflow=workflow,
                    version_id=workflow.published_id,
                    contact=contact,
                    status="waiting",
                    step_id="pause",
                    started_at=START,
                    wake_at=in_seconds(end),
                )

    return make


def next_told():
    told = []
    pull(on_next=told.append)
    return told


@pytest.mark.django_db
def test_a_pull_tells_when_the_next_run_of_any_workspace_comes_due(waiting):
    waiting(1.4, 0.75)
    assert next_told() == [in_seconds(0.75)]


@pytest.mark.django_db
def test_what_lies_further_ahead_is_left_to_the_sweep(waiting):
    waiting(HORIZON.total_seconds() + 0.1, 3600)
    assert next_told() == []


@pytest.mark.django_db
def test_looking_ahead_costs_no_query(waiting, django_assert_num_queries):
    waiting(0.75)
    with django_assert_num_queries(1):
        pull()


@pytest.mark.django_db
def test_a_worker_that_is_done_sets_the_alarm_which_gives_a_hint(waiting, seconds, hints):
    waiting(0.75)
    hints.clear()
    pull_due()
    assert hints == []
    seconds.shift(alarms.alarm, 0.75)
    until(lambda: not alive())
    assert hints == ["engine"]
