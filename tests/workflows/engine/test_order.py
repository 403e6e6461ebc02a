"""One contact's events are decided in the order in which they were stored."""

from __future__ import annotations

import pytest
from django.db import transaction

from isflow.kernel.actor import Actor
from isflow.workspaces.events import DomainEvent, record_events
from tests.factories import make_workspace
from tests.factories_contacts import make_contact
from tests.factories_workflows import looking, walk
from workflows.models import Decision, Event

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("batch", [2, 100])
def test_the_events_of_a_contact_are_decided_in_the_order_in_which_they_were_stored(settings, batch):
    settings.ISFLOW_BATCH = batch
    workspace = make_workspace()
    contact = make_contact(workspace)
    with looking(workspace):
        for _ in range(5):
            with transaction.atomic():
                fact = DomainEvent("conversation_opened", workspace.pk, contact.pk, {}, Actor(source="user"))
                record_events([fact])
        walk()
        stored = list(Event.objects.order_by("pk").values_list("pk", flat=True))
        assert list(Decision.objects.order_by("pk").values_list("event_id", flat=True)) == stored
