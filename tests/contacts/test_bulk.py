from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from contacts.changes import FieldChange, TagChange
from contacts.models import Contact, ContactTag, Tag
from contacts.services import fields_set, tags_change
from isflow.kernel.actor import Actor
from isflow.workspaces.scope import ScopeError, workspace_scope
from tests.factories_contacts import make_contact, make_contacts, make_field, make_tag

BOT = Actor(source="bot", name="Robo")


def facts(events):
    return [(event.contact_id, *event.payload.values()) for event in events]


def statements(action):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        action()
    # Keeping the events is another app's affair.
    return sum("contacts_" in query["sql"] for query in queries)


def test_adding_a_tag_writes_the_row_and_one_event_with_the_actor(scope, contact, vip, events):
    tags_change([TagChange(contact.pk, vip.pk, actor=BOT)])

    assert list(contact.tags.all()) == [vip]
    assert [(e.kind, dict(e.payload), e.actor, e.workspace_id) for e in events] == [
        ("contact_tag_updated", {"tag_id": vip.pk, "tag": "vip", "action": "add"}, BOT, scope.pk)
    ]


@pytest.mark.rule("SP2.5.tag.no_change")
def test_adding_twice_or_removing_what_is_absent_is_no_event(scope, contact, vip, events):
    other = make_tag(scope, "new")
    tags_change([TagChange(contact.pk, vip.pk), TagChange(contact.pk, vip.pk)])
    tags_change([TagChange(contact.pk, vip.pk), TagChange(contact.pk, other.pk, add=False)])

    assert len(events) == 1


def test_removing_a_tag_deletes_the_row_and_tells_once(scope, contact, vip, events):
    tags_change([TagChange(contact.pk, vip.pk)])
    tags_change([TagChange(contact.pk, vip.pk, add=False)])

    assert not ContactTag.objects.exists()
    assert facts(events) == [(contact.pk, vip.pk, "vip", "add"), (contact.pk, vip.pk, "vip", "remove")]


def test_only_the_outcome_of_one_call_counts(scope, contact, vip, events):
    tags_change([TagChange(contact.pk, vip.pk), TagChange(contact.pk, vip.pk, add=False)])
    assert (events, contact.tags.count()) == ([], 0)

    tags_change([TagChange(contact.pk, vip.pk, add=False), TagChange(contact.pk, vip.pk)])
    assert facts(events) == [(contact.pk, vip.pk, "vip", "add")]


def test_a_tag_is_found_by_name_or_made(scope, contact, vip, events):
    tags_change(
        [
            TagChange(contact.pk, None, "VIP "),
            TagChange(contact.pk, None, "Fresh"),
            TagChange(contact.pk, None, "fresh"),
            TagChange(contact.pk, None, "Nobody wears this", add=False),
        ]
    )

    assert set(contact.tags.values_list("name", flat=True)) == {"vip", "Fresh"}
    assert Tag.objects.count() == 2
    assert len(events) == 2


def test_tags_in_other_scripts_are_found_again(scope, contact, events):
    tags_change([TagChange(contact.pk, None, "Ärger")])
    tags_change([TagChange(contact.pk, None, "Ärger")])

    assert len(events) == 1


def test_foreign_contacts_and_tags_are_left_out(scope, contact, vip, other_workspace, events):
    foreign_contact = make_contact(other_workspace)
    foreign_tag = make_tag(other_workspace)
    events.clear()

    skipped = tags_change(
        [
            TagChange(foreign_contact.pk, vip.pk),
            TagChange(contact.pk, foreign_tag.pk),
            TagChange(contact.pk, None, "  "),
        ]
    )
    skipped += fields_set([FieldChange(foreign_contact.pk, "lastname", "X")])

    assert [entry.reason for entry in skipped] == [
        "There is no such contact.",
        "There is no such tag.",
        "There is no such tag.",
        "There is no such contact.",
    ]
    assert events == []
    with workspace_scope(other_workspace.pk):
        assert Contact.objects.get().last_name == ""


def test_bulk_services_need_a_scope(db):
    with pytest.raises(ScopeError):
        tags_change([TagChange(1, 1)])


@pytest.mark.django_db(transaction=True)
def test_bulk_services_need_a_transaction(scope):
    with pytest.raises(RuntimeError):
        tags_change([TagChange(1, 1)])
    with pytest.raises(RuntimeError):
        fields_set([FieldChange(1, "email", "x")])


def test_tags_cost_the_same_for_one_contact_and_for_a_hundred(scope, vip, events):
    old = make_tag(scope, "old")
    people = make_contacts(scope, 101)
    for person in people:
        ContactTag.objects.bulk_create([ContactTag(contact=person, tag=old)])

    def work(chosen):
        changes = [TagChange(person.pk, vip.pk) for person in chosen]
        changes += [TagChange(person.pk, old.pk, add=False) for person in chosen]
        changes += [TagChange(person.pk, None, f"made {len(chosen)}") for person in chosen]
        tags_change(changes)

    one = statements(lambda: work(people[:1]))
    hundred = statements(lambda: work(people[1:]))

    assert one == hundred
    assert hundred <= 8
    assert len(events) == 303


def test_fields_cost_the_same_for_one_contact_and_for_a_hundred(scope, events):
    make_field(scope, "size", "number")
    people = make_contacts(scope, 101)

    def work(chosen):
        fields_set(
            [
                FieldChange(p.pk, field, value)
                for p in chosen
                for field, value in (("email", f"{p.pk}@x.org"), ("size", 4))
            ]
        )

    one = statements(lambda: work(people[:1]))
    hundred = statements(lambda: work(people[1:]))

    assert one == hundred == 3
    assert len(events) == 202
    person = Contact.objects.get(pk=people[50].pk)
    assert (person.email, person.custom) == (f"{person.pk}@x.org", {"size": 4})


def test_a_field_change_tells_old_and_new_value(scope, contact, events):
    make_field(scope, "size", "number")
    fields_set([FieldChange(contact.pk, "lastname", "Byron", BOT), FieldChange(contact.pk, "size", 4, BOT)])
    fields_set([FieldChange(contact.pk, "lastname", "King"), FieldChange(contact.pk, "size", None)])

    assert facts(events) == [
        (contact.pk, "lastname", None, "Byron"),
        (contact.pk, "size", None, 4),
        (contact.pk, "lastname", "Byron", "King"),
        (contact.pk, "size", 4, None),
    ]
    assert events[0].kind == "contact_field_updated"
    assert events[0].actor == BOT
    contact.refresh_from_db()
    assert (contact.last_name, contact.custom) == ("King", {})


def test_equal_values_are_no_change(scope, contact, events):
    make_field(scope, "member", "checkbox")
    fields_set([FieldChange(contact.pk, "member", value=True)])
    events.clear()

    assert statements(lambda: fields_set([FieldChange(contact.pk, "firstname", "Ada")])) == 1
    fields_set(
        [FieldChange(contact.pk, "member", value=True), FieldChange(contact.pk, "bot_status", value=True)]
    )

    assert events == []


def test_the_last_value_of_a_call_wins(scope, contact, events):
    fields_set([FieldChange(contact.pk, "lastname", "A"), FieldChange(contact.pk, "lastname", "B", BOT)])
    fields_set([FieldChange(contact.pk, "lastname", "C"), FieldChange(contact.pk, "lastname", "B")])

    assert facts(events) == [(contact.pk, "lastname", None, "B")]
    assert events[0].actor == BOT


@pytest.mark.parametrize(
    "case",
    [
        ("firstname", None, "First name may not be empty."),
        ("firstname", "", "First name may not be empty."),
        ("nonsense", "x", "There is no such contact field."),
        ("bot_status", "on", "Bot status is either yes or no."),
        ("profile_picture", "https://example.com/" + "x" * 500, "Profile picture is too long."),
    ],
)
def test_what_does_not_fit_is_left_out_with_its_reason(scope, contact, events, case):
    field, value, reason = case
    skipped = fields_set([FieldChange(contact.pk, field, value), FieldChange(contact.pk, "lastname", "ok")])

    assert [entry.reason for entry in skipped] == [reason]
    assert [event.payload["field"] for event in events] == ["lastname"]


def test_long_text_is_cut(scope, contact):
    make_field(scope, "note")
    fields_set([FieldChange(contact.pk, "note", "x" * 2000), FieldChange(contact.pk, "firstname", "y" * 300)])

    contact.refresh_from_db()
    assert (len(contact.custom["note"]), len(contact.first_name)) == (1000, 100)


def test_a_rolled_back_change_leaves_no_row(scope, contact, vip):
    with transaction.atomic():
        tags_change([TagChange(contact.pk, vip.pk)])
        transaction.set_rollback(True)

    assert not ContactTag.objects.exists()
