from __future__ import annotations

import pytest

from contacts.models import Contact, ContactField, Tag
from isflow.workspaces.models import Role
from tests.factories import make_member
from tests.factories_contacts import (
    make_channel,
    make_contact,
    make_field,
    make_identity,
    make_tag,
    recorded_events,
)


@pytest.fixture
def browser(client, scope):
    client.force_login(make_member(scope, Role.OWNER).user)
    return client


STANDARD = {"first_name": "Ada", "bot_enabled": "on"}
INLINE = {"identities-TOTAL_FORMS": "0", "identities-INITIAL_FORMS": "0"}


def form(**values):
    return STANDARD | INLINE | values


@pytest.mark.parametrize("model", ["contact", "tag", "contactfield", "contactidentity", "contacttag"])
def test_every_list_opens_and_searches(browser, scope, contact, vip, model):
    contact.tags.add(vip)
    make_identity(contact, make_channel(scope))
    make_field(scope, "size")

    assert browser.get(f"/admin/contacts/{model}/").status_code == 200
    assert browser.get(f"/admin/contacts/{model}/?q=a").status_code == 200


def test_a_contact_is_edited_with_custom_fields_and_tags(browser, scope, contact, vip):
    make_field(scope, "size", "list", ["S", "M"])
    make_field(scope, "member", "checkbox")
    make_identity(contact, make_channel(scope))
    page = browser.get(f"/admin/contacts/contact/{contact.pk}/change/")
    assert page.status_code == 200
    assert b"custom_size" in page.content

    data = form(
        phone="+60 11-223 3455", country="Germany", custom_size="m", custom_member="yes", tag_choices=[vip.pk]
    )
    data |= {"identities-TOTAL_FORMS": "1", "identities-INITIAL_FORMS": "1", "custom_size": "M"}
    data |= {"identities-0-id": contact.identities.get().pk, "identities-0-contact": contact.pk}
    with recorded_events() as events:
        reply = browser.post(f"/admin/contacts/contact/{contact.pk}/change/", data)

    assert reply.status_code == 302, reply.context["errors"]
    contact.refresh_from_db()
    assert (contact.phone, contact.country) == ("+60112233455", "DE")
    assert contact.custom == {"size": "M", "member": True}
    assert list(contact.tags.all()) == [vip]
    assert sorted(event.payload.get("field", "tag") for event in events) == [
        "country",
        "member",
        "phone",
        "size",
        "tag",
    ]


def test_saving_an_unchanged_contact_fires_nothing(browser, scope, contact, events):
    make_field(scope, "member", "checkbox")
    reply = browser.post(f"/admin/contacts/contact/{contact.pk}/change/", form())

    assert reply.status_code == 302
    assert events == []


def test_what_somebody_else_wrote_meanwhile_is_kept(browser, scope, contact):
    make_field(scope, "size")
    make_field(scope, "note")
    Contact.objects.update(last_name="Byron", custom={"note": "kept"})

    browser.post(
        f"/admin/contacts/contact/{contact.pk}/change/",
        form(custom_size="M", custom_note="kept", last_name="Byron"),
    )

    contact.refresh_from_db()
    assert (contact.last_name, contact.custom) == ("Byron", {"note": "kept", "size": "M"})


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"first_name": " "}, "first_name"),
        ({"phone": "abc"}, "phone"),
        ({"email": "a@b"}, "email"),
        ({"country": "Atlantis"}, "country"),
        ({"custom_size": "four"}, "custom_size"),
    ],
)
def test_a_wrong_value_is_shown_next_to_its_field(browser, scope, contact, values, field):
    make_field(scope, "size", "number")
    reply = browser.post(f"/admin/contacts/contact/{contact.pk}/change/", form(**values))

    assert reply.status_code == 200
    assert field in reply.context["adminform"].form.errors


def test_a_contact_is_added_in_the_workspace(browser, scope, vip):
    make_field(scope, "size", "number")
    reply = browser.post("/admin/contacts/contact/add/", form(custom_size="4", tag_choices=[vip.pk]))

    assert reply.status_code == 302
    made = Contact.objects.get()
    assert (made.workspace_id, made.custom, list(made.tags.all())) == (scope.pk, {"size": 4}, [vip])


def test_a_field_gets_its_slug_and_keeps_it(browser, scope):
    browser.post(
        "/admin/contacts/contactfield/add/", {"name": "Shoe size", "kind": "list", "options": "S\nM\nS"}
    )
    field = ContactField.objects.get()
    assert (field.slug, field.options, field.workspace_id) == ("shoe_size", ["S", "M"], scope.pk)

    reply = browser.post(
        f"/admin/contacts/contactfield/{field.pk}/change/", {"name": "Size", "options": "S\nM\nL"}
    )
    assert reply.status_code == 302
    field.refresh_from_db()
    assert (field.name, field.slug, field.kind, field.options) == (
        "Size",
        "shoe_size",
        "list",
        ["S", "M", "L"],
    )


@pytest.mark.parametrize("values", [{"name": "Email", "kind": "text"}, {"name": "Size", "kind": "list"}])
def test_a_field_that_breaks_a_rule_is_not_made(browser, scope, values):
    assert browser.post("/admin/contacts/contactfield/add/", values).status_code == 200
    assert not ContactField.objects.exists()


def test_things_of_another_workspace_do_not_exist(browser, scope, other_workspace):
    foreign, tag = make_contact(other_workspace, "Foreigner"), make_tag(other_workspace, "foreign")

    assert b"Foreigner" not in browser.get("/admin/contacts/contact/").content
    assert browser.get(f"/admin/contacts/contact/{foreign.pk}/change/").status_code in {302, 404}
    reply = browser.post("/admin/contacts/contact/add/", form(tag_choices=[tag.pk]))
    assert "tag_choices" in reply.context["adminform"].form.errors
    assert Tag.objects.count() == 0
