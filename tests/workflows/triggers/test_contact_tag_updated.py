from __future__ import annotations

import pytest

from tests.harness.context import event
from workflows.contract import Emission, TagRef
from workflows.triggers.contact_tag_updated import ContactTagUpdated, ContactTagUpdatedConfig

TRIGGER = ContactTagUpdated()
CONFIG = ContactTagUpdatedConfig(action="add", tags=(TagRef(id=1), TagRef(id=2)))


def happened(tag_id, action):
    return event(
        "contact_tag_updated", {"tag_id": tag_id, "tag": f"T{tag_id}", "action": action}, source="user"
    )


@pytest.mark.rule("S000.tag.action", "S000.tag.any_of_tags")
def test_any_chosen_tag_fires_when_the_action_is_the_chosen_one():
    assert TRIGGER.match(happened(2, "add"), CONFIG) is None
    assert TRIGGER.match(happened(2, "remove"), CONFIG).index == 0
    assert TRIGGER.match(happened(3, "add"), CONFIG).index == 1


def test_the_run_knows_the_tag():
    known = TRIGGER.variables(happened(2, "add"), CONFIG)
    assert known == {
        "trigger.tag": "T2",
        "trigger.tag_action": "add",
        "trigger.changed_by_source": "user",
    }
    assert set(known) == {output.name for output in TRIGGER.outputs(CONFIG)}


@pytest.mark.rule("S000.tag.required")
def test_at_least_one_tag_is_chosen():
    with pytest.raises(ValueError, match="at least 1"):
        ContactTagUpdatedConfig(tags=())


def test_the_loop_check_looks_at_tag_and_action():
    def admits(**facts):
        return TRIGGER.admits(Emission("contact_tag_updated", facts), CONFIG)

    assert admits(tag_id=1, action="add")
    assert admits(action="add")
    assert not admits(tag_id=1, action="remove")
    assert not admits(tag_id=3, action="add")
    assert not TRIGGER.admits(Emission("contact_field_updated"), CONFIG)
