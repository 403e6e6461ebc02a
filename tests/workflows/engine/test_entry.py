"""Who may enter a workflow again."""

from __future__ import annotations

import pytest
from django.db import transaction

from isflow.kernel.actor import Actor
from isflow.workspaces.events import DomainEvent, record_events
from tests.factories import make_workspace
from tests.factories_contacts import make_contact
from tests.factories_workflows import document, looking, publish, walk
from workflows.models import Decision

pytestmark = pytest.mark.django_db

NOTE = ("note", "add_comment", {"text": "Hello"})
REST = ("rest", "wait", {"duration": {"value": 1, "unit": "hours"}})


def verdicts(step, *, once, together):
    """What three events of one contact lead to, by a person, one after the other or in one batch."""
    workspace = make_workspace()
    contact = make_contact(workspace)
    publish(workspace, document("conversation_opened", step, once=once))
    with looking(workspace):
        for _ in range(3):
            with transaction.atomic():
                fact = DomainEvent("conversation_opened", workspace.pk, contact.pk, {}, Actor(source="user"))
                record_events([fact])
            if not together:
                walk()
        walk()
        return [row[1] for one in Decision.objects.order_by("event") for row in one.verdicts]


@pytest.mark.parametrize("together", [True, False])
def test_once_per_contact_is_once_for_ever(together):
    assert verdicts(NOTE, once=True, together=together) == ["started"] + ["already_enrolled_before"] * 2


@pytest.mark.parametrize("together", [True, False])
def test_who_is_inside_does_not_enter_again(together):
    assert verdicts(REST, once=False, together=together) == ["started"] + ["already_in_workflow"] * 2


def test_a_person_starts_a_workflow_as_often_as_he_likes(settings):
    settings.ISFLOW_MAX_STARTS = 1
    assert verdicts(NOTE, once=False, together=False) == ["started"] * 3
