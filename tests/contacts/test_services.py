from __future__ import annotations

import pytest

from contacts.models import Contact, Tag
from contacts.services import contact_create, contact_update, field_create, tag_get_or_create
from isflow.kernel.errors import Rejected
from isflow.workspaces.scope import workspace_scope
from tests.factories_contacts import make_field, recorded_events


def test_a_contact_is_made_from_what_was_typed(scope):
    make_field(scope, "size", "number")

    contact = contact_create(
        values={"firstname": " Ada ", "phone": "+60 11-223 3455", "country": "Germany", "size": "4"},
        tags=["vip", "VIP"],
    )

    contact.refresh_from_db()
    assert (contact.first_name, contact.phone, contact.country) == ("Ada", "+60112233455", "DE")
    assert contact.custom == {"size": 4}
    assert [tag.name for tag in contact.tags.all()] == ["vip"]


@pytest.mark.parametrize(
    "values", [{"phone": "abc"}, {"nonsense": "x"}, {"firstname": " "}, {"email": "a@b"}]
)
def test_a_wrong_value_is_refused(scope, values):
    with pytest.raises(Rejected):
        contact_create(values=values)
    assert not Contact.objects.exists()


def test_an_update_keeps_what_others_wrote_meanwhile(scope):
    stale = contact_create(values={"firstname": "Ada"})
    contact_update(contact=stale, values={"lastname": "Byron"})
    with recorded_events() as events:
        fresh = contact_update(contact=stale, values={"email": "ada@x.org"})

    assert (fresh.last_name, fresh.email) == ("Byron", "ada@x.org")
    assert [event.payload["field"] for event in events] == ["email"]


def test_a_field_gets_a_slug_of_its_own(scope, other_workspace):
    assert [field_create(name=name).slug for name in ("Size!", "size", "Café")] == ["size", "size_2", "cafe"]
    with workspace_scope(other_workspace.pk):
        assert field_create(name="size").slug == "size"


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("", "text", []),
        ("x" * 51, "text", []),
        ("x", "colour", []),
        ("x", "list", [" "]),
        ("Email", "text", []),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused(scope, name, kind, options):
    with pytest.raises(Rejected):
        field_create(name=name, kind=kind, options=options)


def test_a_tag_exists_once_per_workspace_whatever_its_case(scope, other_workspace):
    first = tag_get_or_create(name="Vip")
    assert tag_get_or_create(name=" vip ") == first
    with workspace_scope(other_workspace.pk):
        assert tag_get_or_create(name="vip") != first
    assert Tag.objects.count() == 1


def test_a_tag_needs_a_name(scope):
    with pytest.raises(Rejected):
        tag_get_or_create(name=" ")
