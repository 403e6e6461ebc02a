from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from contacts.changes import FieldChange, TagChange
from contacts.models import Contact, ContactTag, Tag
from contacts.services import fields_set, tag_get_or_create, tags_change
from isflow.workspaces.scope import workspace_scope
from tests.factories_contacts import make_contact, make_contacts, make_tag, recorded_events

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 6


def together(workspace, action):
    """Run the action in several threads that begin at the same moment."""
    barrier = Barrier(THREADS)

    def run(number):
        try:
            barrier.wait(10)
            with workspace_scope(workspace.pk):
                return action(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


@transaction.atomic
def in_bulk(contact, tag):
    tags_change([TagChange(contact.pk, tag.pk)])


@pytest.mark.parametrize(
    "add",
    [
        in_bulk,
        lambda contact, tag: Contact.objects.get(pk=contact.pk).tags.add(tag),
        lambda contact, tag: Tag.objects.get(pk=tag.pk).contacts.add(contact),
    ],
    ids=["bulk", "forward", "reverse"],
)
def test_a_tag_added_by_many_at_once_is_one_event(workspace, add):
    contact, tag = make_contact(workspace), make_tag(workspace)

    with recorded_events() as events:
        together(workspace, lambda _: add(contact, tag))

    with workspace_scope(workspace.pk):
        assert ContactTag.objects.count() == 1
    assert len(events) == 1


def test_a_field_set_by_many_at_once_tells_an_unbroken_story(workspace):
    contact = make_contact(workspace)

    @transaction.atomic
    def change(number):
        fields_set([FieldChange(contact.pk, "lastname", f"N{number}")])

    with recorded_events() as events:
        together(workspace, change)

    steps = {event.payload["old_value"]: event.payload["new_value"] for event in events}
    story, value = [], None
    while value in steps:
        value = steps.pop(value)
        story.append(value)
    assert sorted(story) == [f"N{n}" for n in range(THREADS)]


def test_bulk_changes_in_opposite_order_do_not_lock_each_other_out(workspace):
    people, tag = make_contacts(workspace, 20), make_tag(workspace)

    @transaction.atomic
    def change(number):
        chosen = people if number % 2 else people[::-1]
        tags_change([TagChange(person.pk, tag.pk, add=number < 3) for person in chosen])

    together(workspace, change)


def test_a_tag_made_by_many_at_once_exists_once(workspace):
    made = together(workspace, lambda _: tag_get_or_create(name="fresh").pk)

    assert len(set(made)) == 1
