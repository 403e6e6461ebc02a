"""Old history goes in small batches at a fixed number of statements; what is open stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from isflow.infra.pruning import prune_in_turns
from isflow.workspaces.scope import all_workspaces, workspace_scope
from tests.factories import make_workspace
from tests.factories_contacts import make_contacts
from tests.factories_workflows import document, publish
from workflows import retention
from workflows.engine.clock import now
from workflows.models import Decision, Enrolment, Event, Run, StepExecution, Wait
from workflows.retention import Pruned, events_prune, history_prune, runs_prune

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    workspace = make_workspace(keep_runs_days=90, keep_events_days=30)
    return workspace, publish(workspace, document("manual", ("note", "add_comment", {"text": "Hello"})))


def runs_of(shop, number, *, days, status="ended", seq=2):
    """Runs that ended so many days ago, each with journal, wait, enrolment."""
    workspace, workflow = shop
    at = now() - timedelta(days=days)
    ended = status == "ended"
    with workspace_scope(workspace.pk):
        contacts = make_contacts(workspace, number)
        runs = Run.objects.bulk_create(
            Run(
                workspace=workspace,
                workflow=workflow,
                version_id=workflow.published_id,
                contact=contact,
                status=status,
                seq=seq,
                started_at=at,
                ended_at=at if ended else None,
                wake_at=None if ended else now() + timedelta(days=1),
            )
            for contact in contacts
        )
        StepExecution.objects.bulk_create(
            StepExecution(
                workspace=workspace,
                run=run,
                seq=n,
                step_id="s",
                step_type="wait",
                status="done",
                started_at=at,
            )
            for run in runs
            for n in (1, 2)
        )
        Wait.objects.bulk_create(
            Wait(
                workspace=workspace,
                run=run,
                contact_id=run.contact_id,
                seq=2,
                kind="timer",
                wake_at=at,
                opened_at=at,
                status="resolved" if ended else "open",
            )
            for run in runs
        )
        Enrolment.objects.bulk_create(
            Enrolment(workspace=workspace, workflow=workflow, contact=contact, at=at) for contact in contacts
        )
    return runs


def events_of(workspace, number, *, days, pending=False):
    at = now() - timedelta(days=days)
    with workspace_scope(workspace.pk):
        (contact,) = make_contacts(workspace, 1)
        events = Event.objects.bulk_create(
            Event(
                workspace=workspace, contact=contact, kind="manual", source="user", at=at, is_pending=pending
            )
            for _ in range(number)
        )
        if not pending:
            Decision.objects.bulk_create(Decision(workspace=workspace, event=one, at=at) for one in events)


def counts():
    with all_workspaces():
        return {model.__name__: model.objects.count() for model in (Run, StepExecution, Wait, Enrolment)}


def test_finished_runs_go_with_everything_of_theirs_but_the_enrolment(shop):
    runs_of(shop, 5, days=91)
    runs_of(shop, 2, days=89)
    assert history_prune() == Pruned(runs=5, events=0)
    assert counts() == {"Run": 2, "StepExecution": 4, "Wait": 2, "Enrolment": 7}
    assert history_prune() == Pruned(runs=0, events=0)


@pytest.mark.parametrize("status", ["running", "waiting", "held"])
def test_open_runs_stay_however_old_they_are(shop, status):
    runs_of(shop, 3, days=4_000, status=status)
    assert history_prune().runs == 0
    assert counts() == {"Run": 3, "StepExecution": 6, "Wait": 3, "Enrolment": 3}


def test_decided_events_go_with_their_decisions_and_undecided_ones_stay(shop):
    workspace, _ = shop
    events_of(workspace, 4, days=31)
    events_of(workspace, 3, days=29)
    events_of(workspace, 2, days=31, pending=True)
    assert history_prune().events == 4
    with workspace_scope(workspace.pk):
        assert (Event.objects.count(), Decision.objects.count()) == (5, 3)
        assert Event.objects.filter(is_pending=True).count() == 2


def test_every_workspace_keeps_as_long_as_it_says(shop):
    runs_of(shop, 1, days=50)
    short = make_workspace("short", keep_runs_days=40)
    flow = publish(short, document("manual", ("note", "add_comment", {"text": "Hello"})))
    runs_of((short, flow), 1, days=50)
    assert history_prune().runs == 1
    with workspace_scope(shop[0].pk):
        assert Run.objects.count() == 1


def test_a_batch_is_small_and_a_round_takes_all_of_them(shop, settings):
    settings.ISFLOW_PRUNE_BATCH = 10
    runs_of(shop, 25, days=100)
    sizes = []
    while count := runs_prune(shop[0]):
        sizes.append(count)
    assert sizes == [10, 10, 5]


def test_a_batch_of_events_is_small_as_well(shop, settings):
    settings.ISFLOW_PRUNE_BATCH = 10
    events_of(shop[0], 25, days=31)
    assert [events_prune(shop[0]) for _ in range(4)] == [10, 10, 5, 0]


def test_a_batch_of_a_thousand_costs_what_a_batch_of_one_costs(shop):
    def statements(number):
        runs_of(shop, number, days=100)
        with CaptureQueriesContext(connection) as captured:
            assert runs_prune(shop[0]) == number
        return len(captured)

    # A savepoint and its release, one look, three deletions.
    assert statements(1) == statements(1_000) == 6


def test_runs_with_long_journals_make_small_batches(shop, monkeypatch):
    monkeypatch.setattr(retention, "JOURNAL_ROWS", 100)
    runs_of(shop, 3, days=100, seq=60)
    assert [runs_prune(shop[0]) for _ in range(4)] == [1, 1, 1, 0]


def test_a_round_ends_when_its_time_is_over(shop, settings):
    settings.ISFLOW_PRUNE_BATCH = 1
    runs_of(shop, 5, days=100)
    looks = iter([False, False, True])
    assert history_prune(lambda: next(looks, True)).runs == 2
    settings.ISFLOW_PRUNE_SECONDS = 0
    assert history_prune().runs == 0
    settings.ISFLOW_PRUNE_SECONDS = 30
    assert history_prune().runs == 3


def test_owners_are_served_in_turn():
    left, seen = {"a": 3, "b": 1}, []

    def batch(owner):
        seen.append(owner)
        count = 1 if left[owner] else 0
        left[owner] -= count
        return count

    assert prune_in_turns(["a", "b"], batch, lambda: False) == 4
    assert "".join(seen) == "ababaa"


def test_an_unknown_outcome_stays_until_somebody_has_dealt_with_it(shop):
    workspace, _ = shop
    runs_of(shop, 2, days=91)
    with workspace_scope(workspace.pk):
        troubled = StepExecution.objects.order_by("pk").first()
        StepExecution.objects.filter(pk=troubled.pk).update(status="unknown")
    history_prune()
    with workspace_scope(workspace.pk):
        assert Run.objects.get().pk == troubled.run_id
        StepExecution.objects.filter(pk=troubled.pk).update(acknowledged_at=now())
    history_prune()
    with workspace_scope(workspace.pk):
        assert not Run.objects.exists()
