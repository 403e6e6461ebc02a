from __future__ import annotations

from datetime import timedelta

import pytest

from isflow.kernel.errors import Conflict, Rejected
from isflow.workspaces.models import AuditEntry
from isflow.workspaces.scope import all_workspaces
from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, journal, looking, publish, walk, write
from workflows.engine.clock import now
from workflows.models import Run, Wait
from workflows.services import timer_cancel, timer_fire, timer_postpone

pytestmark = pytest.mark.django_db

WAITING = document(
    "conversation_opened",
    ("pause", "wait", {"duration": {"value": 3, "unit": "hours"}}),
    ("note", "add_comment", {"text": "Later"}),
)


@pytest.fixture
def timed():
    workspace = make_workspace()
    publish(workspace, WAITING)
    write(make_channel(workspace, kind="web_chat"), "hello")
    walk()
    with all_workspaces():
        return workspace, Run.objects.select_related("workflow").get()


def audited():
    return list(AuditEntry.objects.order_by("pk").values_list("action", "workspace_id"))[-1]


def test_a_fired_timer_lets_the_run_go_on_at_once(timed, hints):
    workspace, run = timed
    with all_workspaces():
        timer_fire(run=run)
    assert hints[-1] == "engine"
    walk()
    with looking(workspace):
        run.refresh_from_db()
        assert run.end_reason == "completed"
        assert [step for step, _ in journal(run)] == ["pause", "note"]
    assert audited() == ("timer.fired", workspace.pk)


def test_a_postponed_timer_fires_later(timed):
    workspace, run = timed
    before = run.wake_at
    with all_workspaces():
        until = timer_postpone(run=run, minutes=90)
    assert until == before + timedelta(minutes=90)
    with looking(workspace):
        run.refresh_from_db()
        assert run.wake_at == Wait.objects.get().wake_at == until
    walk()
    with looking(workspace):
        run.refresh_from_db()
        assert run.status == "waiting"
    assert audited() == ("timer.postponed", workspace.pk)


@pytest.mark.parametrize("minutes", [0, -5, 10_000_000])
def test_a_timer_is_postponed_by_sensible_times_only(timed, minutes):
    _, run = timed
    with all_workspaces(), pytest.raises(Rejected):
        timer_postpone(run=run, minutes=minutes)


def test_a_cancelled_timer_ends_its_run(timed):
    workspace, run = timed
    with all_workspaces():
        timer_cancel(run=run)
    with looking(workspace):
        run.refresh_from_db()
        assert (run.status, run.end_reason) == ("ended", "stopped_by_user")
        assert Wait.objects.get().status == "cancelled"
    assert audited() == ("run.stopped", workspace.pk)


@pytest.mark.parametrize(
    "act",
    [timer_fire, timer_cancel, lambda run: timer_postpone(run=run, minutes=5)],
    ids=["fire", "cancel", "late"],
)
@pytest.mark.parametrize(
    "meanwhile",
    [{"seq": 9}, {"status": "running"}, {"lease_until": now()}, {"wake_at": now() + timedelta(days=9)}],
)
def test_a_run_that_has_moved_on_is_left_alone(timed, act, meanwhile):
    workspace, run = timed
    with looking(workspace):
        Run.objects.update(**meanwhile)
        before = Run.objects.values().get()
    with all_workspaces(), pytest.raises(Conflict):
        act(run=run)
    with looking(workspace):
        assert Run.objects.values().get() == before
        assert Wait.objects.get().status == "open"


def test_an_answered_wait_cannot_be_moved(timed):
    workspace, run = timed
    with looking(workspace):
        Wait.objects.update(status="resolved", resolution={"type": "timed_out"})
    with all_workspaces(), pytest.raises(Conflict):
        timer_fire(run=run)
    with looking(workspace):
        assert Run.objects.get().wake_at == run.wake_at


def test_a_late_timer_is_postponed_from_now_on(timed):
    workspace, run = timed
    with looking(workspace):
        Run.objects.update(wake_at=now() - timedelta(hours=2))
        Wait.objects.update(wake_at=now() - timedelta(hours=2))
        run.refresh_from_db()
    before = now()
    with all_workspaces():
        until = timer_postpone(run=run, minutes=30)
    assert before <= until - timedelta(minutes=30) <= now()
