from __future__ import annotations

import pytest

from contacts.selectors import contact_search, contacts_by_identifier, field_specs, tag_names
from tests.factories_contacts import make_contact, make_contacts, make_field, make_tag


def named(kind, value, **options):
    return [contact.pk for contact in contacts_by_identifier(kind, value, **options)]


@pytest.mark.parametrize(
    ("stored", "given", "found"),
    [
        ("+60112233455", "+60 11-223 3455", True),
        ("+60112233455", "0060112233455", True),
        ("+60112233455", "60112233455", True),
        ("60112233455", "60112233455", True),
        ("+60112233455", "+60112233456", False),
        ("+60112233455", "", False),
        ("", "+", False),
        ("+60112233455", "call me", False),
    ],
)
def test_a_phone_number_is_matched_by_its_digits(scope, stored, given, found):
    contact = make_contact(scope, phone=stored)

    assert named("phone", given) == ([contact.pk] if found else [])


def test_an_email_is_matched_whatever_its_case(scope):
    contact = make_contact(scope, email="Ada@x.org")
    make_contact(scope, email="")

    assert named("email", "  ada@X.ORG ") == [contact.pk]
    assert contacts_by_identifier("email", " ") == []


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "²", "9" * 19, "9" * 400, ""])
def test_a_malformed_id_finds_nobody(scope, contact, value):
    assert contacts_by_identifier("id", value) == []


def test_an_id_is_a_number_or_its_text(scope, contact):
    assert named("id", contact.pk) == named("id", f" {contact.pk}") == [contact.pk]


def test_no_more_than_ten_of_the_oldest_are_found(scope):
    people = [make_contact(scope, email="twin@x.org") for _ in range(12)]

    assert named("email", "twin@x.org", lock=True) == [contact.pk for contact in people[:10]]


def test_it_is_told_who_is_blocked(scope):
    make_contact(scope, email="ada@x.org")
    make_contact(scope, email="ada@x.org", is_blocked=True)

    assert [contact.is_blocked for contact in contacts_by_identifier("email", "ada@x.org")] == [False, True]


def test_nobody_is_found_in_another_workspace(scope, other_workspace):
    foreign = make_contact(other_workspace, email="ada@x.org", phone="+60112233455")

    assert contacts_by_identifier("email", foreign.email) == []
    assert contacts_by_identifier("phone", foreign.phone) == []
    assert contacts_by_identifier("id", foreign.pk) == []


def test_search_wants_every_word_somewhere(scope):
    ada = make_contact(scope, last_name="Byron", phone="+60112233455")
    make_contact(scope, "Ada", last_name="King")

    assert list(contact_search("ada byr")) == [ada]
    assert list(contact_search("11-2233")) == [ada]
    assert contact_search("").count() == 2


def test_fields_are_the_standard_ones_and_those_of_the_workspace(scope, other_workspace):
    make_field(scope, "size", "list", ["S", "M"])
    make_field(other_workspace, "secret")

    specs = field_specs()

    assert specs["size"].options == ("S", "M")
    assert specs["firstname"].kind == "text"
    assert "secret" not in specs


def test_tag_names_come_in_one_query(scope, django_assert_num_queries):
    people = make_contacts(scope, 3)
    for name in ("b", "a"):
        people[0].tags.add(make_tag(scope, name))

    with django_assert_num_queries(1):
        assert tag_names(person.pk for person in people) == {
            people[0].pk: ["a", "b"],
            people[1].pk: [],
            people[2].pk: [],
        }
