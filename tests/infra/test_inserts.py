from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from contacts.models import Tag
from isflow.infra.inserts import FEW, insert_many
from isflow.workspaces.scope import workspace_scope
from tests.factories import make_workspace
from tests.factories_contacts import make_contact
from workflows.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    made = make_workspace()
    with workspace_scope(made.pk):
        yield made


def tag(workspace, name):
    return Tag(workspace=workspace, name=name)


@pytest.mark.parametrize("number", [1, FEW, FEW + 1])
def test_rows_get_their_ids_in_order(workspace, number, django_assert_num_queries):
    with django_assert_num_queries(1):
        rows = insert_many([tag(workspace, f"t{n}") for n in range(number)])
    assert {row.pk: row.name for row in rows} == dict(Tag.objects.values_list("pk", "name"))
    assert not rows[0]._state.adding


def test_every_kind_of_value_comes_back_as_it_was(workspace):
    at, payload = timezone.now(), {"text": "it's ü %s \\", "list": [1, None, True]}
    [event] = insert_many(
        [
            Event(
                workspace=workspace,
                contact=make_contact(workspace),
                kind="k",
                payload=payload,
                source="api",
                at=at,
            )
        ]
    )
    kept = Event.objects.get(pk=event.pk)
    assert (kept.payload, kept.at, kept.run_id, kept.is_pending, kept.depth) == (payload, at, None, True, 0)


@pytest.mark.parametrize("more", [0, FEW])
def test_conflicts_raise_or_are_passed_over(workspace, more):
    names = ["known", *(f"new{n}" for n in range(more))]
    insert_many([tag(workspace, "known")])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_many([tag(workspace, name) for name in names])
    insert_many([tag(workspace, name) for name in [*names, "last"]], ignore_conflicts=True)
    assert sorted(Tag.objects.values_list("name", flat=True)) == sorted([*names, "last"])


def test_nothing_costs_nothing(workspace, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert not insert_many([])
