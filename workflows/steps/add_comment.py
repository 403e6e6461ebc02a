"""Put an internal comment on the contact, never sent; ``@$assignee`` mentions whoever has the contact."""

from __future__ import annotations

import re

from pydantic import Field

from workflows.contract import (
    NEXT,
    TEXT_LIMIT,
    AddComment,
    Leave,
    Outcome,
    StepConfig,
    StepContext,
    StepType,
    Template,
    message_text,
    step_types,
)

ASSIGNEE = re.compile(r"@\$assignee(?![\w.])", re.IGNORECASE)


class AddCommentConfig(StepConfig):
    """Settings of Add comment."""

    text: Template = Field(
        min_length=1,
        max_length=TEXT_LIMIT,
        title="Comment",
        description="Internal comment; may use variables and mention users with @",
        json_schema_extra={"x-mentions": True},
    )


@step_types.register("add_comment")
class AddCommentStep(StepType[AddCommentConfig]):
    label = "Add comment"
    description = "Leave an internal comment for your team."
    icon = "message-square-text"
    group = "conversation"
    summary = "{text}"
    config_class = AddCommentConfig

    def execute(self, ctx: StepContext, config: AddCommentConfig) -> Outcome:
        assignee = ctx.contact.assignee_id
        mention = f"{{{{@user.{assignee}}}}}" if assignee is not None else ""
        text = message_text(ctx, ASSIGNEE.sub(mention, config.text)).strip()
        ctx.inputs["text"] = text
        if text:
            ctx.effect(AddComment(text))
        else:
            ctx.note("empty_comment", "The comment was empty and has not been added.")
        return Leave(NEXT.id)
