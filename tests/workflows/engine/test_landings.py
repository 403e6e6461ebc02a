"""What calls bring back while the database is away is written down afterwards: once, if it still counts."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
import time_machine
from django.db import InterfaceError, OperationalError

from conversations.models import Comment
from isflow.infra import faults, http
from tests.factories import make_workspace
from tests.factories_workflows import document, due_runs, looking, publish, walk
from tests.races.arena import Background, until
from workflows.contract import HttpCall
from workflows.engine import claims, pull, runner
from workflows.engine import flights as module
from workflows.engine.calls import PendingCall
from workflows.engine.clock import now
from workflows.engine.flights import Flights
from workflows.models import Run, StepExecution

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
GONE = OperationalError("the server is starting up")


@pytest.fixture
def clock(db):
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def world(monkeypatch):
    """The other side: remembers who asked, and what shall happen just before it answers."""
    return World(monkeypatch)


class World:
    def __init__(self, monkeypatch):
        self.asked = []
        self.before_answer = lambda: None
        monkeypatch.setattr(http, "send", self.send)

    def send(self, request):
        self.asked.append(request.url.rsplit("/", 1)[1])
        self.before_answer()
        headers = (("content-type", "application/json"),)
        return http.HttpAnswer(status=200, headers=headers, body=b'{"n": 7}', truncated=False, elapsed=0.1)


class Database:
    """May be away for the engine: for everybody, or for one workspace or one run."""

    def __init__(self, monkeypatch):
        self.is_away = False
        self.refuses = lambda _claim: False
        self.lock, self.outlook = runner.lock, pull.outlook
        monkeypatch.setattr(runner, "lock", self._lock)
        monkeypatch.setattr(pull, "outlook", self._outlook)
        monkeypatch.setattr(runner, "_is_reachable", lambda: not self.is_away)
        monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)

    def go(self):
        self.is_away = True

    def _lock(self, claim, **options):
        if self.is_away or self.refuses(claim):
            raise GONE
        return self.lock(claim, **options)

    def _outlook(self):
        if self.is_away:
            raise GONE
        return self.outlook()


@pytest.fixture
def database(monkeypatch):
    return Database(monkeypatch)


def shop(slug="acme", *, runs=1, calls=("one",), may_repeat=False):
    """A workspace with so many runs that make these calls in turn and note what came of them."""
    workspace = make_workspace(slug)
    steps = [
        (
            name,
            "http_request",
            {
                "method": "POST",
                "url": f"https://api.example.org/{name}",
                "may_repeat": may_repeat,
                "mapping": [{"key": "$.n", "variable": name}],
            },
        )
        for name in calls
    ]
    note = ("note", "add_comment", {"text": " ".join(f"{name}=${name}" for name in calls)})
    workflow = publish(workspace, document("manual", *steps, note))
    due_runs(workspace, workflow, runs, calls[0], at=now())
    return workspace


def notes(workspace):
    """What the runs noted at their end."""
    with looking(workspace):
        assert set(Run.objects.values_list("status", flat=True)) == {"ended"}
        return list(Comment.objects.values_list("text", flat=True))


def states(workspace):
    with looking(workspace):
        return list(StepExecution.objects.order_by("seq", "pk").values_list("step_id", "status"))


def walk_into_the_outage(database, world):
    """A worker makes the calls; the database goes before they answer."""
    world.before_answer = database.go
    with pytest.raises(OperationalError):
        walk()
    until(lambda: not module.flights._out)
    with pytest.raises(OperationalError):
        walk()
    world.before_answer = lambda: None


@pytest.mark.parametrize("may_repeat", [False, True])
def test_an_answer_that_comes_while_the_database_is_away_is_written_down_afterwards(
    clock, database, world, may_repeat
):
    workspace = shop(runs=3, may_repeat=may_repeat)
    walk_into_the_outage(database, world)
    assert states(workspace) == [("one", "intent")] * 3

    clock.shift(timedelta(seconds=11))
    database.is_away = False
    walk()
    assert world.asked == ["one"] * 3
    assert notes(workspace) == ["one=7"] * 3
    assert states(workspace) == [("one", "done")] * 3 + [("note", "done")] * 3


def test_who_lost_the_lease_meanwhile_is_shut_out_with_the_answer(clock, database, world):
    workspace = shop()
    walk_into_the_outage(database, world)
    clock.shift(timedelta(seconds=11))
    database.is_away = False
    with looking(workspace):
        runner.work(claims.claim_abandoned(workspace.pk))  # another worker is first
    assert states(workspace) == [("one", "unknown"), ("note", "done")]
    walk()
    assert world.asked == ["one"]
    assert notes(workspace) == ["one="]
    # The ledger learns what came back; the run did not move.
    assert states(workspace) == [("one", "done"), ("note", "done")]
    assert not module.flights.wait()


def test_what_a_landing_has_committed_is_not_written_again(clock, database, world):
    workspace = shop(runs=3)
    with looking(workspace):
        second = Run.objects.order_by("pk")[1].pk
    refused = []

    def refuse(claim):
        if second in claim.contacts and len(refused) < 3:
            refused.append(len(claim.contacts))
            return True
        return False

    world.before_answer = lambda: setattr(database, "refuses", refuse)
    walk()
    # The batch, the one alone, and that one when it came again: the other two are written down.
    assert refused == [3, 1, 1]
    assert notes(workspace) == ["one=7"] * 3
    assert world.asked == ["one"] * 3


@pytest.mark.parametrize("runs", [1, 2])
def test_an_answer_whose_commit_we_were_not_told_of_is_not_taken_for_the_next(clock, database, world, runs):
    """The commit arrives, its confirmation does not: the second call is announced and not handed over."""
    workspace = shop(runs=runs, calls=("one", "two"))
    passes = []

    def cut():
        passes.append(1)
        if len(passes) == 2:
            raise GONE

    faults.arm("runner.after_commit", cut)
    walk()
    assert len(passes) > 2
    assert sorted(world.asked) == ["one"] * runs + ["two"] * runs
    assert notes(workspace) == ["one=7 two=7"] * runs
    assert {status for _, status in states(workspace)} == {"done"}


def test_a_run_that_went_on_without_us_hearing_of_it_is_left_alone(clock, database, world):
    workspace = shop()

    def cut():
        if world.asked:
            faults.disarm_all()
            raise GONE

    faults.arm("runner.after_commit", cut)
    walk()
    assert notes(workspace) == ["one=7"]
    assert world.asked == ["one"]


def test_a_renewal_revives_nothing_that_another_has_or_that_is_over(clock):
    workspace = shop(runs=4)
    with looking(workspace):
        mine, taken, over, held = Run.objects.order_by("pk")
        ours = claims.claim_runs(workspace.pk).tokens
        Run.objects.update(phase=Run.Phase.CALL, wake_at=None, lease_until=None)
        Run.objects.filter(pk=taken.pk).update(lease_token=5)
        Run.objects.filter(pk=over.pk).update(status="ended")
        Run.objects.filter(pk=held.pk).update(status="held")
        claims.renew(list(ours.items()))
        assert list(Run.objects.exclude(wake_at=None).values_list("pk", flat=True)) == [mine.pk]
        assert list(Run.objects.exclude(lease_until=None).values_list("pk", flat=True)) == [mine.pk]


def pending(number=1, token=1):
    return PendingCall(1, number, number, 1, token, HttpCall("GET", "https://api.example.org/one"))


@pytest.fixture
def renewals(monkeypatch, settings):
    """What was renewed; the first two times the database does not hear it."""
    settings.ISFLOW_LEASE_SECONDS = 0.06
    seen, errors = [], [GONE, InterfaceError("connection already closed")]

    def renew(held):
        if not held:  # a thread of an earlier test
            return
        if errors:
            raise errors.pop()
        seen.append(held)

    monkeypatch.setattr(claims, "renew", renew)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    return seen


def test_the_lease_of_an_answer_that_waits_is_renewed_as_soon_as_the_database_is_back(renewals):
    flights = Flights()
    flights.launch([pending()])
    assert flights.wait()
    assert flights.land(lambda landing: landing.answers) == 0
    until(lambda: renewals)
    assert renewals[0] == [(1, 1)]
    assert flights.wait()
    assert flights.land(lambda _landing: ()) == 1


def test_an_answer_that_can_never_be_written_down_loses_its_lease(renewals, monkeypatch):
    monkeypatch.setattr(module, "STUBBORN_SECONDS", 0.0)
    flights = Flights()
    flights.launch([pending()])
    assert flights.wait()
    flights.land(lambda landing: landing.answers)
    renewals.clear()
    threading.Event().wait(0.2)
    assert renewals == []
    flights.land(lambda _landing: ())


def test_answers_come_again_in_their_order_and_nobody_waits_busily(monkeypatch):
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.05)
    flights, seen = Flights(), []

    def write(landing):
        seen.append(list(landing.answers))
        if len(seen) > 1:
            return ()
        flights.launch([pending(3)])
        until(lambda: flights._back)
        return landing.answers

    for number in (1, 2):
        flights.launch([pending(number)])
        until(lambda count=number: len(flights._back) == count)
    assert flights.land(write) == 0
    before = monotonic()
    assert flights.wait()
    assert monotonic() - before >= 0.04
    assert flights.land(write) == 3
    assert seen == [[1, 2], [1, 2, 3]]


def test_the_same_call_under_two_claims_comes_back_twice(world):
    """We lost the lease while it was made, took the run over ourselves, and it may repeat."""
    flights, tokens = Flights(), []
    flights.launch([pending(token=1), pending(token=2)])
    until(lambda: len(flights._back) == 2)

    def write(landing):
        tokens.append(landing.claim.tokens[1])
        return ()

    assert flights.land(write) == 2
    assert sorted(tokens) == [1, 2]


def test_a_fault_of_ours_in_one_landing_harms_no_other(world):
    flights, written = Flights(), []
    flights.launch([pending(1), PendingCall(2, 2, 2, 1, 2, pending().request)])
    until(lambda: len(flights._back) == 2)

    def write(landing):
        if landing.claim.workspace_id == 1:
            raise ValueError("not ready for this")
        written.append(landing.claim.workspace_id)
        return ()

    flights.land(write)
    assert written == [2]
    assert not flights.wait()


def test_a_process_ends_though_the_database_never_comes_back(world, settings, monkeypatch):
    settings.ISFLOW_LEASE_SECONDS = 0.3
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    flights, tries, is_back = Flights(), [], threading.Event()

    def write(landing):
        tries.append(1)
        return () if is_back.is_set() else landing.answers

    flights.watch(lambda: flights.land(write))
    flights.launch([pending()])
    closing = Background("closing", flights.close)
    closing.join()
    assert len(tries) > 1
    is_back.set()
    until(lambda: not flights._back)


def test_a_process_that_ends_waits_for_the_database(world, settings, monkeypatch):
    settings.ISFLOW_LEASE_SECONDS = 5
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    flights, tries = Flights(), []

    def write(landing):
        tries.append(1)
        return landing.answers if len(tries) < 5 else ()

    flights.watch(lambda: flights.land(write))
    flights.launch([pending()])
    flights.close()
    assert len(tries) == 5


def test_a_landing_that_fails_holds_up_no_other_workspace(world):
    flights = Flights()
    flights.launch([pending(1), PendingCall(2, 2, 2, 1, 2, pending().request)])
    until(lambda: len(flights._back) == 2)
    assert flights.land(lambda landing: landing.answers if landing.claim.workspace_id == 1 else ()) == 1
    assert [one.call.workspace_id for one in flights._back.values()] == [1]
    assert flights.land(lambda _landing: ()) == 1
