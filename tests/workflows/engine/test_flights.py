"""Calls to the outside world hold up nobody: not the thread that asked for them, not another workspace."""

from __future__ import annotations

import threading

import pytest

from isflow.infra import http
from tests.factories import make_workspace
from tests.factories_workflows import document, due_runs, looking, publish
from tests.races.arena import Background, until
from workflows.contract import CallUnknown, HttpCall
from workflows.engine import flights as module
from workflows.engine.calls import PendingCall
from workflows.engine.clock import now
from workflows.engine.flights import AT_ONCE, Flights
from workflows.engine.pull import pull
from workflows.models import Run, StepExecution


@pytest.fixture
def world(monkeypatch):
    """An outside world where the host ``slow`` answers only when it is let."""
    return World(monkeypatch)


class World:
    def __init__(self, monkeypatch):
        self.may_answer = threading.Event()
        self.lock = threading.Lock()
        self.now = self.most = 0
        monkeypatch.setattr(http, "send", self.send)

    def send(self, request):
        if "slow" in request.url:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            assert self.may_answer.wait(30)
            with self.lock:
                self.now -= 1
        return http.HttpAnswer(status=200, headers=(), body=b"{}", truncated=False, elapsed=0.1)


def call(number=1, workspace_id=1):
    return PendingCall(workspace_id, number, number, 1, number, HttpCall("GET", "https://slow.example.org/"))


def runs_for(workspace, number, host):
    draft = document(
        "manual", ("call", "http_request", {"method": "GET", "url": f"https://{host}.example.org/"})
    )
    workflow = publish(workspace, draft)
    due_runs(workspace, workflow, number, "call", at=now())


def ended(workspace):
    with looking(workspace):
        return Run.objects.filter(status="ended", end_reason="completed").count()


@pytest.mark.django_db(transaction=True)
def test_an_endpoint_that_hangs_holds_up_only_its_own_workspace(world, settings):
    settings.ISFLOW_BATCH = 40
    hung, other = make_workspace("hung"), make_workspace("other")
    runs_for(hung, 100, "slow")
    puller = Background("puller", pull)
    until(lambda: world.now == AT_ONCE)
    runs_for(other, 50, "quick")
    with looking(hung):
        assert StepExecution.objects.filter(status="intent").count() == 40

    late = Background("late", pull)
    until(lambda: ended(other) == 50)
    assert (ended(hung), world.now) == (0, AT_ONCE)

    world.may_answer.set()
    puller.join()
    late.join()
    assert ended(hung) == 100
    assert world.most == AT_ONCE


def test_calls_beyond_the_limit_of_a_workspace_wait_for_their_turn(world):
    flights = Flights()
    flights.launch([call(number) for number in range(1, AT_ONCE + 6)])
    flights.launch([call(99, workspace_id=2)])
    until(lambda: world.now == AT_ONCE + 1)
    assert flights.crowded() == {1}
    world.may_answer.set()
    landed(flights, AT_ONCE + 6)
    assert world.most == AT_ONCE + 1
    assert flights.crowded() == frozenset()


def test_what_is_back_goes_to_the_watcher(world):
    flights, runs = Flights(), []

    def write(landing):
        runs.extend(landing.answers)
        return ()

    flights.watch(lambda: flights.land(write))
    flights.launch([call(1), call(2)])
    assert not flights.wait()
    world.may_answer.set()
    until(lambda: sorted(runs) == [1, 2])


def test_who_waits_goes_when_another_has_taken_everything(world):
    flights = Flights()
    flights.launch([call()])
    waiters = [Background(f"waiter {number}", lambda: take_all(flights)) for number in range(4)]
    world.may_answer.set()
    for waiter in waiters:
        waiter.join()


def take_all(flights):
    """As pull does: land what is ripe and wait for more until nothing is under way."""
    while flights.wait():
        flights.land(lambda _landing: ())


def test_a_process_ends_only_when_everything_is_written_down(world):
    flights, written, may_write = Flights(), [], threading.Event()

    def write(landing):
        assert may_write.wait(5)
        written.append(landing)
        return ()

    flights.watch(lambda: flights.land(write))
    flights.launch([call()])
    closing = Background("closing", flights.close)
    until(lambda: flights.is_closing)
    world.may_answer.set()
    until(lambda: flights._landing)
    assert written == []
    assert flights._landing
    may_write.set()
    closing.join()
    assert len(written) == 1


def test_a_fault_of_our_own_leaves_the_outcome_unknown(monkeypatch):
    def fail(_call):
        raise ValueError("no such codec")

    monkeypatch.setattr(module, "make", fail)
    flights = Flights()
    flights.launch([call()])
    (landing,) = landed(flights, 1)
    assert landing.answers[1].answer == CallUnknown("ValueError: no such codec")
    assert (landing.claim.contacts, landing.claim.tokens) == ({1: 1}, {1: 1})


def landed(flights, number):
    """Wait until so many answers are back; the landings."""
    found = []

    def write(landing):
        found.append(landing)
        return ()

    while sum(len(landing.answers) for landing in found) < number:
        assert flights.wait()
        flights.land(write)
    return found
