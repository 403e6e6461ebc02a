"""What a claim holds, what prolongs it, and what giving it back leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.factories import make_workspace
from tests.factories_contacts import make_channel
from tests.factories_workflows import document, due_runs, looking, publish, write
from workflows.engine.claims import claim_abandoned, claim_runs, release, renew
from workflows.engine.clock import now
from workflows.engine.dispatcher import dispatch
from workflows.models import Run

pytestmark = pytest.mark.django_db

REST = ("rest", "wait", {"duration": {"value": 1, "unit": "hours"}})


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(datetime(2026, 11, 20, 9, tzinfo=UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def run():
    """One run that is due, to be looked at inside its workspace."""
    workspace = make_workspace()
    workflow = publish(workspace, document("manual", REST))
    (only,) = due_runs(workspace, workflow, 1, "rest", at=now())
    with looking(workspace):
        yield only


def test_a_run_given_back_was_not_left_behind(run, clock):
    """However often its contact is busy, that is no lost lease, which would bring it into quarantine."""
    for _ in range(4):
        claim = claim_runs(run.workspace_id)
        assert set(claim.contacts) == {run.pk}
        release(claim, [run.pk], wake_at=now())
        clock.shift(timedelta(seconds=11))
        assert not claim_abandoned(run.workspace_id).contacts
    run.refresh_from_db()
    assert (run.lease_until, run.lost_leases) == (None, 0)


def test_a_run_that_was_lost_is_not_given_back(run, clock):
    stale = claim_runs(run.workspace_id)
    clock.shift(timedelta(seconds=11))
    claim_abandoned(run.workspace_id)
    run.refresh_from_db()
    release(stale, [run.pk], wake_at=now())
    assert Run.objects.get().lease_until == run.lease_until


def test_a_lease_keeps_others_out_until_it_ends(run, clock):
    claim_runs(run.workspace_id)
    clock.shift(timedelta(seconds=9))
    assert not claim_runs(run.workspace_id).contacts
    assert not claim_abandoned(run.workspace_id).contacts
    clock.shift(timedelta(seconds=2))
    assert not claim_runs(run.workspace_id).contacts
    assert set(claim_abandoned(run.workspace_id).contacts) == {run.pk}
    assert Run.objects.get().lost_leases == 1


@pytest.mark.parametrize(
    ("phase", "lag", "moved"),
    [(Run.Phase.CALL, 0, True), (Run.Phase.CALL, 1, False), (Run.Phase.ENTER, 0, False)],
    ids=["ours", "taken over", "not calling any more"],
)
def test_only_our_own_calls_prolong_a_lease(run, clock, phase, lag, moved):
    token = claim_runs(run.workspace_id).tokens[run.pk]
    Run.objects.update(phase=phase)
    run.refresh_from_db()
    clock.shift(timedelta(seconds=3))
    renew([(run.pk, token - lag)])
    later = timedelta(seconds=3) if moved else timedelta(0)
    renewed = Run.objects.get()
    assert (renewed.lease_until, renewed.wake_at) == (run.lease_until + later, run.wake_at + later)


def test_a_run_is_born_in_the_hands_of_who_started_it():
    workspace = make_workspace()
    publish(workspace, document("conversation_opened", REST))
    write(make_channel(workspace, kind="web_chat"), "hello")
    with looking(workspace):
        _, claim = dispatch(workspace.pk)
        assert set(claim.contacts) == {Run.objects.get().pk}
        assert not claim_runs(workspace.pk).contacts
        assert not claim_abandoned(workspace.pk).contacts
