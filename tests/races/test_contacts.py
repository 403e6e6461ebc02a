"""A contact that is changed by somebody else at the moment."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from contacts.models import Contact
from conversations.services.batch import Batch
from isflow.workspaces.scope import workspace_scope
from tests.factories import make_user
from tests.factories_contacts import make_channel, make_contact
from tests.races.arena import Background, until

pytestmark = pytest.mark.postgres

WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.mark.parametrize("was_assigned", [True, False])
def test_whoever_waits_for_a_contact_sees_who_it_is_assigned_to_by_then(shop, was_assigned):
    """The database takes a row that changed meanwhile, but joins what belonged to the one before."""
    workspace, channel = shop
    other = make_channel(workspace, name="Other")
    ada, bob = make_user("ada@example.org"), make_user("bob@example.org")
    contact = make_contact(workspace, assignee=ada if was_assigned else None, last_channel=channel)
    found = []

    def load():
        with workspace_scope(workspace.pk), transaction.atomic():
            found.append(Batch.load([contact.pk]).contacts[contact.pk])

    def somebody_waits():
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            return cursor.fetchone()[0] == 1

    with workspace_scope(workspace.pk), transaction.atomic():
        Contact.objects.filter(pk=contact.pk).update(assignee=bob, last_channel=other)
        waiting = Background("waiting", load)
        until(somebody_waits)
    waiting.join()
    assert (found[0].assignee, found[0].last_channel) == (bob, other)
