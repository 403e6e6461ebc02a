from __future__ import annotations

import pytest

from tests.harness.context import contact, context
from workflows.contract import AddTag, Leave, RemoveTag, TagRef
from workflows.steps.update_contact_tag import UpdateContactTag, UpdateContactTagConfig

STEP = UpdateContactTag()
VIP, NEW = TagRef(id=1, label="VIP"), TagRef(id=2, label="New")


def config(action="add", *tags):
    return UpdateContactTagConfig(action=action, tags=tags or (VIP, NEW))


@pytest.mark.rule("SP2.5.tag.add")
def test_missing_tags_are_added_and_visible_at_once():
    ctx = context(contact(tags={2: "New"}))
    assert STEP.execute(ctx, config()) == Leave("next")
    assert ctx.effects == [AddTag(1, "VIP")]
    assert ctx.contact.tags == {1: "VIP", 2: "New"}


@pytest.mark.rule("SP2.5.tag.remove")
def test_present_tags_are_removed():
    ctx = context(contact(tags={2: "New"}))
    STEP.execute(ctx, config("remove"))
    assert ctx.effects == [RemoveTag(2, "New")]
    assert ctx.contact.tags == {}


@pytest.mark.rule("SP2.5.tag.limits")
def test_between_one_and_ten_tags_are_chosen():
    with pytest.raises(ValueError, match="at least 1"):
        UpdateContactTagConfig(tags=())
    with pytest.raises(ValueError, match="at most 10"):
        config("add", *(TagRef(id=n) for n in range(11)))
    assert [p.field for p in STEP.problems(config("add", VIP, VIP))] == ["tags.1"]


def test_the_loop_check_hears_of_each_tag():
    facts = [emission.facts for emission in STEP.emissions(config("remove"))]
    assert facts == [{"tag_id": 1, "action": "remove"}, {"tag_id": 2, "action": "remove"}]
