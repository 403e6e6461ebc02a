"""Close the contact's open conversation, leaving a closing note. The run goes on if a step follows."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from workflows.contract import (
    NEXT,
    CategoryRef,
    Emission,
    Leave,
    Need,
    Outcome,
    StepConfig,
    StepContext,
    StepType,
    Template,
    step_types,
)
from workflows.contract import CloseConversation as Close

SUMMARY_LIMIT = 500


class CloseConversationConfig(StepConfig):
    """Settings of Close conversation."""

    category: CategoryRef | None = Field(default=None, description="Category of the closing note")
    summary: Template = Field(
        default="", max_length=SUMMARY_LIMIT, description="Summary of the closing note; may use variables"
    )


@step_types.register("close_conversation")
class CloseConversation(StepType[CloseConversationConfig]):
    label = "Close conversation"
    description = "Close the conversation with the contact."
    icon = "circle-check"
    group = "conversation"
    summary = "{category.label} {summary}"
    config_class = CloseConversationConfig
    needs = frozenset({Need.CONVERSATION})

    def emissions(self, config: CloseConversationConfig) -> Iterator[Emission]:
        category = str(config.category.id) if config.category else ""
        yield Emission("conversation_closed", {"source": "workflow", "conversation_category": category})

    def execute(self, ctx: StepContext, config: CloseConversationConfig) -> Outcome:
        if ctx.conversation.is_open:
            summary = ctx.render(config.summary, limit=SUMMARY_LIMIT)
            ctx.inputs["summary"] = summary
            ctx.effect(Close(config.category.id if config.category else None, summary))
        else:
            ctx.note("already_closed", "No conversation was open.")
        return Leave(NEXT.id)
