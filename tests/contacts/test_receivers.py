from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import transaction

from contacts.models import Contact, ContactTag, Tag
from isflow.kernel.actor import Actor, acting_as
from isflow.kernel.errors import Rejected
from isflow.workspaces.scope import workspace_scope
from tests.factories_contacts import failing_events, make_contact, make_field, make_tag, recorded_events


def tag_facts(events):
    return [
        (event.contact_id, event.payload["tag"], event.payload["action"])
        for event in events
        if event.kind == "contact_tag_updated"
    ]


M2M_CALLS = {
    "add a new tag": (lambda t: t.contact.tags.add(t.loose), [("b", "add")]),
    "add a tag already there": (lambda t: t.contact.tags.add(t.worn), []),
    "add both": (lambda t: t.contact.tags.add(t.worn, t.loose), [("b", "add")]),
    "add by id": (lambda t: t.contact.tags.add(t.loose.pk), [("b", "add")]),
    "remove": (lambda t: t.contact.tags.remove(t.worn), [("a", "remove")]),
    "remove one never there": (lambda t: t.contact.tags.remove(t.loose), []),
    "remove both": (lambda t: t.contact.tags.remove(t.worn, t.loose), [("a", "remove")]),
    "clear": (lambda t: t.contact.tags.clear(), [("a", "remove")]),
    "clear twice": (lambda t: (t.contact.tags.clear(), t.contact.tags.clear()), [("a", "remove")]),
    "set to the same": (lambda t: t.contact.tags.set([t.worn]), []),
    "set to another": (lambda t: t.contact.tags.set([t.loose]), [("a", "remove"), ("b", "add")]),
    "set to nothing": (lambda t: t.contact.tags.set([]), [("a", "remove")]),
    "set clearing first": (
        lambda t: t.contact.tags.set([t.loose], clear=True),
        [("a", "remove"), ("b", "add")],
    ),
    "create through": (
        lambda t: t.contact.tags.create(name="c", workspace=t.contact.workspace),
        [("c", "add")],
    ),
    "reverse add": (lambda t: t.loose.contacts.add(t.contact), [("b", "add")]),
    "reverse add already there": (lambda t: t.worn.contacts.add(t.contact), []),
    "reverse remove": (lambda t: t.worn.contacts.remove(t.contact), [("a", "remove")]),
    "reverse remove never there": (lambda t: t.loose.contacts.remove(t.contact), []),
    "reverse clear": (lambda t: t.worn.contacts.clear(), [("a", "remove")]),
    "reverse set": (lambda t: t.loose.contacts.set([t.contact]), [("b", "add")]),
    "row created": (lambda t: ContactTag.objects.create(contact=t.contact, tag=t.loose), [("b", "add")]),
    "row got or created": (lambda t: ContactTag.objects.get_or_create(contact=t.contact, tag=t.worn), []),
    "row saved again": (lambda _: ContactTag.objects.get().save(), []),
    "row deleted": (lambda _: ContactTag.objects.get().delete(), [("a", "remove")]),
    "rows deleted by query": (lambda _: ContactTag.objects.all().delete(), [("a", "remove")]),
    "tag deleted": (lambda t: t.worn.delete(), []),
    "tags deleted by query": (lambda _: Tag.objects.all().delete(), []),
    "contact deleted": (lambda t: t.contact.delete(), []),
    "contacts deleted by query": (lambda _: Contact.objects.all().delete(), []),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("call", M2M_CALLS)
def test_every_way_to_tag_tells_what_really_changed(scope, call):
    action, expected = M2M_CALLS[call]
    things = SimpleNamespace(
        contact=make_contact(scope), worn=make_tag(scope, "a"), loose=make_tag(scope, "b")
    )
    things.contact.tags.add(things.worn)
    pk = things.contact.pk

    with recorded_events() as events:
        action(things)

    assert tag_facts(events) == [(pk, tag, verb) for tag, verb in expected]


def test_a_tag_of_another_workspace_is_refused(scope, contact, other_workspace, events):
    foreign = make_tag(other_workspace)
    for attempt in (
        lambda: contact.tags.add(foreign),
        lambda: contact.tags.add(foreign.pk),
        lambda: ContactTag.objects.create(contact=contact, tag=foreign),
    ):
        with pytest.raises(Rejected), transaction.atomic():
            attempt()

    assert events == []
    assert not ContactTag.objects.exists()


def test_saving_unchanged_contacts_a_thousand_times_is_no_event(scope, contact, events):
    for _ in range(1_000):
        contact.save()

    assert events == []


def test_each_changed_field_is_one_event_by_whoever_acts(scope, contact, events):
    make_field(scope, "size", "number")
    contact.last_name, contact.email, contact.bot_enabled = "Byron", "ada@x.org", False
    contact.custom = {"size": 4}
    someone = Actor(source="user", user_id=7, name="Eve")
    with acting_as(someone):
        contact.save()

    assert {e.payload["field"]: (e.payload["old_value"], e.payload["new_value"]) for e in events} == {
        "lastname": (None, "Byron"),
        "email": (None, "ada@x.org"),
        "bot_status": (True, False),
        "size": (None, 4),
    }
    assert {event.actor for event in events} == {someone}


def test_yes_and_one_are_different_values(scope, contact, events):
    for value in (True, 1, 1):
        contact.custom = {"x": value}
        contact.save()

    assert len(events) == 2


def test_only_columns_that_are_written_count(scope, contact, events):
    contact.last_name, contact.email = "Byron", "ada@x.org"
    contact.save(update_fields=["email"])

    assert [event.payload["field"] for event in events] == ["email"]


def test_a_stale_copy_is_compared_with_the_stored_row(scope, contact, events):
    stale = Contact.objects.get()
    contact.last_name = "Byron"
    contact.save()
    stale.save()

    assert [(e.payload["old_value"], e.payload["new_value"]) for e in events] == [
        (None, "Byron"),
        ("Byron", None),
    ]


def test_a_new_contact_is_created_but_not_updated(scope):
    with recorded_events() as events:
        made = Contact.objects.create(workspace=scope, first_name="Bob", custom={"x": 1})
        made.tags.create(name="fresh", workspace=scope)

    assert [event.kind for event in events] == ["contact_created", "contact_tag_updated"]


def test_bookkeeping_columns_fire_nothing(scope, contact, events):
    contact.last_incoming_text, contact.is_blocked = "hello", True
    contact.save()

    assert events == []


@pytest.mark.rule("DS4.receivers_only_write")
@pytest.mark.django_db(transaction=True)
def test_when_the_event_cannot_be_recorded_nothing_is_saved(scope):
    contact, worn, loose = make_contact(scope), make_tag(scope, "a"), make_tag(scope, "b")
    contact.tags.add(worn)
    contact.last_name = "Byron"
    attempts = (
        contact.save,
        lambda: make_contact(scope, "Bob"),
        lambda: contact.tags.add(loose),
        lambda: contact.tags.remove(worn),
        contact.tags.clear,
        lambda: ContactTag.objects.create(contact=contact, tag=loose),
        lambda: ContactTag.objects.get().delete(),
    )
    with failing_events():
        for attempt in attempts:
            with pytest.raises(RuntimeError, match="no event"):
                attempt()

    assert list(Contact.objects.values_list("first_name", "last_name")) == [("Ada", "")]
    assert list(contact.tags.all()) == [worn]


@pytest.mark.django_db(transaction=True)
def test_rollback_takes_the_change_back(scope):
    contact = make_contact(scope)
    contact.last_name = "Byron"
    with transaction.atomic():
        contact.save()
        transaction.set_rollback(True)

    assert Contact.objects.get().last_name == ""


def test_the_event_belongs_to_the_workspace_of_the_contact(scope, other_workspace):
    with recorded_events() as events, workspace_scope(other_workspace.pk):
        make_contact(other_workspace)

    assert [event.workspace_id for event in events] == [other_workspace.pk]
