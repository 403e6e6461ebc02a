"""A flood of one workspace holds up no other: counted in batches, not in time."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from isflow.workspaces.scope import workspace_scope
from tests.factories import make_workspace
from tests.factories_contacts import make_contacts
from tests.factories_workflows import document, due_runs, publish
from workflows.engine import pull as puller
from workflows.engine.clock import now
from workflows.engine.pull import pull
from workflows.models import Event, Run

pytestmark = pytest.mark.django_db

FLOOD = 20_000


def rounds(number):
    """What tells a worker to stop after so many rounds."""
    left = iter([False] * number)
    return lambda: next(left, True)


def multiply(model, number):
    """Make ``number`` rows out of those that are there."""
    names = ", ".join(field.column for field in model._meta.concrete_fields if not field.primary_key)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
        (there,) = cursor.fetchone()
        while there < number:
            cursor.execute(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM {table} LIMIT %s",  # noqa: S608
                [min(there, number - there)],
            )
            there = min(2 * there, number)


@pytest.fixture
def calm_and_flooded():
    """The flooded workspace is the older one, so that an order by age would put it first."""
    flooded, calm = make_workspace("flooded"), make_workspace("calm")
    return calm, flooded


def events_for(workspace, number):
    with workspace_scope(workspace.pk):
        Event.objects.bulk_create(
            Event(workspace=workspace, contact=contact, kind="manual", source="user", at=now())
            for contact in make_contacts(workspace, number)
        )


def pending(workspace):
    with workspace_scope(workspace.pk):
        return Event.objects.filter(is_pending=True).count()


def test_ten_events_beside_twenty_thousand_are_decided_in_the_first_round(calm_and_flooded):
    calm, flooded = calm_and_flooded
    events_for(flooded, 625)
    multiply(Event, FLOOD)
    events_for(calm, 10)
    assert pending(flooded) == FLOOD
    pull(rounds(1))
    assert pending(calm) == 0
    assert FLOOD - 200 <= pending(flooded) < FLOOD


def ended(workspace):
    with workspace_scope(workspace.pk):
        return Run.objects.filter(status="ended").count()


def test_ten_runs_beside_two_thousand_end_in_the_first_round(calm_and_flooded):
    calm, flooded = calm_and_flooded
    draft = document("manual", ("note", "add_comment", {"text": "Hello"}))
    for workspace, number in ((flooded, 2_000), (calm, 10)):
        due_runs(workspace, publish(workspace, draft), number, "note", at=now() - timedelta(seconds=1))
    pull(rounds(1))
    assert ended(calm) == 10
    assert ended(flooded) == 100


def test_workers_do_not_all_begin_with_the_same_workspace(calm_and_flooded, monkeypatch):
    firsts = Counter()
    for workspace in calm_and_flooded:
        events_for(workspace, 1)

    def dispatch(workspace_id, *, goes_on):
        assert goes_on
        order.append(workspace_id)
        return 0, None

    monkeypatch.setattr(puller, "dispatch", dispatch)
    for _ in range(40):
        order = []
        pull(rounds(1))
        assert sorted(order) == sorted(workspace.pk for workspace in calm_and_flooded)
        firsts[order[0]] += 1
    assert len(firsts) == 2
