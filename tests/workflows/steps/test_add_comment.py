from __future__ import annotations

import pytest

from tests.harness.context import contact, context, note_codes
from workflows.contract import AddComment, Leave
from workflows.steps.add_comment import AddCommentConfig, AddCommentStep

STEP = AddCommentStep()


@pytest.mark.rule("SP2.9.comment.variables")
def test_the_comment_may_hold_variables():
    ctx = context()
    assert STEP.execute(ctx, AddCommentConfig(text="Call $contact.firstname")) == Leave("next")
    assert ctx.effects == [AddComment("Call Ada")]


@pytest.mark.rule("SP2.9.comment.mentions_assignee")
def test_the_assignee_is_mentioned_by_id_or_not_at_all():
    settings = AddCommentConfig(text="@$assignee please look, $assignee.name")
    ctx = context(contact(assignee_id=7))
    STEP.execute(ctx, settings)
    assert ctx.effects == [AddComment("{{@user.7}} please look,")]
    ctx = context()
    STEP.execute(ctx, settings)
    assert ctx.effects == [AddComment("please look,")]


def test_a_comment_that_came_out_empty_is_not_added():
    ctx = context(declared=("note",))
    assert STEP.execute(ctx, AddCommentConfig(text="$note")) == Leave("next")
    assert ctx.effects == []
    assert note_codes(ctx) == ["empty_comment"]


@pytest.mark.rule("SP2.9.comment.limit")
def test_two_thousand_characters_are_the_most():
    ctx = context(long="x" * 2500)
    STEP.execute(ctx, AddCommentConfig(text="$long"))
    assert len(ctx.effects[0].text) == 2000
    with pytest.raises(ValueError, match="at most 2000"):
        AddCommentConfig(text="x" * 2001)
