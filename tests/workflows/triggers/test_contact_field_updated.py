from __future__ import annotations

import pytest

from tests.harness.context import event
from workflows.contract import Emission, FieldRef
from workflows.triggers.contact_field_updated import ContactFieldUpdated, ContactFieldUpdatedConfig

TRIGGER = ContactFieldUpdated()
CONFIG = ContactFieldUpdatedConfig(field=FieldRef(slug="email"))


def happened(field):
    payload = {"field": field, "old_value": None, "new_value": "a@b.co"}
    return event("contact_field_updated", payload, source="api")


@pytest.mark.rule("S000.field.one_field")
def test_a_change_of_the_chosen_field_fires():
    assert TRIGGER.match(happened("email"), CONFIG) is None
    assert TRIGGER.match(happened("phone"), CONFIG).reason == "It was the field phone"


def test_the_run_knows_old_and_new_value():
    known = TRIGGER.variables(happened("email"), CONFIG)
    assert known == {
        "trigger.field": "email",
        "trigger.old_value": None,
        "trigger.new_value": "a@b.co",
        "trigger.changed_by_source": "api",
    }
    assert set(known) == {output.name for output in TRIGGER.outputs(CONFIG)}


def test_the_loop_check_looks_at_the_field():
    assert TRIGGER.admits(Emission("contact_field_updated", {"field": "email"}), CONFIG)
    assert TRIGGER.admits(Emission("contact_field_updated"), CONFIG)
    assert not TRIGGER.admits(Emission("contact_field_updated", {"field": "phone"}), CONFIG)
    assert not TRIGGER.admits(Emission("contact_tag_updated"), CONFIG)
