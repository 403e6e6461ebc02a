from __future__ import annotations

import pytest

from tests.harness.context import closed_conversation, contact, context, note_codes
from workflows.contract import CategoryRef, Leave
from workflows.contract import CloseConversation as Close
from workflows.steps.close_conversation import CloseConversation, CloseConversationConfig

STEP = CloseConversation()
CONFIG = CloseConversationConfig(category=CategoryRef(id=7), summary="Thanks $contact.firstname")


@pytest.mark.rule("SP2.8.close.note")
def test_it_closes_and_leaves_the_note():
    ctx = context(contact(firstname="Ada"))
    assert STEP.execute(ctx, CONFIG) == Leave("next")
    assert ctx.effects == [Close(category_id=7, summary="Thanks Ada")]
    assert not ctx.conversation.is_open


@pytest.mark.rule("SP2.8.close.already_closed")
def test_a_closed_conversation_is_left_alone():
    ctx = context(talk=closed_conversation())
    assert STEP.execute(ctx, CONFIG) == Leave("next")
    assert ctx.effects == []
    assert note_codes(ctx) == ["already_closed"]


def test_the_note_is_optional_and_its_summary_has_a_limit():
    ctx = context(long="x" * 900)
    STEP.execute(ctx, CloseConversationConfig(summary="$long"))
    assert ctx.effects == [Close(None, "x" * 500)]


def test_the_loop_check_hears_source_and_category():
    (emission,) = STEP.emissions(CONFIG)
    assert emission.facts == {"source": "workflow", "conversation_category": "7"}
    (emission,) = STEP.emissions(CloseConversationConfig())
    assert emission.facts == {"source": "workflow", "conversation_category": ""}
