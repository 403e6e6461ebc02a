"""Send a set text to the contact, on a fixed channel or on the one by which they last wrote.

The run goes on once the message is on its way; a message that cannot be sent ends the run unless the
step has its failure outlet.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from pydantic import Field

from workflows.contract import (
    MESSAGE_FAILURE,
    NEXT,
    TEXT_LIMIT,
    CannotSend,
    ChannelRef,
    ChannelView,
    Delivered,
    Emission,
    End,
    Leave,
    Need,
    Outcome,
    PluginConfig,
    Problem,
    Resume,
    SendMessage,
    StepConfig,
    StepContext,
    StepType,
    Template,
    TimedOut,
    Wait,
    always,
    message_text,
    step_types,
    usable,
    when,
)

DELIVERY_DEADLINE = timedelta(hours=25)
"""Longer than a message waits for its channel (a day, then it fails), so that its end is always heard of."""
HTML_LIMIT = 50_000
MAX_SUBJECT = 200


class MessageContent(PluginConfig):
    """What is sent; subject and formatted text are for e-mail."""

    text: Template = Field(
        min_length=1, max_length=TEXT_LIMIT, description="Text of the message; may use variables"
    )
    subject: Template = Field(
        default="", max_length=MAX_SUBJECT, description="Subject, on e-mail channels only"
    )
    html: Template = Field(
        default="",
        max_length=HTML_LIMIT,
        description="Formatted text, on e-mail channels only",
        json_schema_extra={"x-widget": "html"},
    )


class ChannelResponse(PluginConfig):
    """Content for one channel, instead of the default message."""

    channel: ChannelRef = Field(description="Channel that gets this content")
    content: MessageContent = Field(description="What is sent there")


class ChannelChoice(PluginConfig):
    """Where the message goes."""

    mode: Literal["last", "fixed"] = Field(
        default="last", description="Last interacted channel, or one that you choose"
    )
    channel: ChannelRef | None = Field(
        default=None,
        description="Channel to send on",
        json_schema_extra={"x-show-if": {"field": "mode", "equals": "fixed"}},
    )


class SendMessageConfig(StepConfig):
    """Settings of Send a message."""

    channel: ChannelChoice = Field(default=ChannelChoice(), description="Where the message goes")
    default: MessageContent = Field(title="Default message", description="Sent unless a channel has its own")
    responses: tuple[ChannelResponse, ...] = Field(
        default=(), max_length=50, title="Channel responses", description="Other content for some channels"
    )
    failure_branch: bool = Field(
        default=False,
        title="Add message failure branch",
        description="Go on along an own path when the message cannot be sent",
        json_schema_extra={"x-advanced": True},
    )


@step_types.register("send_message")
class SendMessageStep(StepType[SendMessageConfig]):
    label = "Send a message"
    description = "Send a message to the contact."
    icon = "send"
    group = "messages"
    summary = "{default.text}"
    config_class = SendMessageConfig
    outlet_rules = (always(NEXT), when(MESSAGE_FAILURE, "failure_branch"))
    needs = frozenset({Need.CHANNELS})

    def problems(self, config: SendMessageConfig) -> Iterator[Problem]:
        if config.channel.mode == "fixed" and config.channel.channel is None:
            yield Problem("channel.channel", "Choose a channel.", "required")
        seen: set[int] = set()
        for index, response in enumerate(config.responses):
            if response.channel.id in seen:
                yield Problem(
                    f"responses.{index}.channel", "This channel has a response already.", "duplicate"
                )
            seen.add(response.channel.id)

    def emissions(self, config: SendMessageConfig) -> Iterator[Emission]:
        channel = config.channel.channel if config.channel.mode == "fixed" else None
        yield Emission(
            "message_created", {"sender_type": "flow", "channel_id": channel.id if channel else None}
        )

    def execute(self, ctx: StepContext, config: SendMessageConfig) -> Outcome:
        try:
            channel = usable(ctx.contact, _channel(ctx, config))
        except CannotSend as reason:
            return _failed(ctx, config, str(reason))
        message = _message(ctx, channel, _content(config, channel))
        ctx.inputs["channel"] = channel.name
        ctx.inputs["text"] = message.text
        ctx.effect(message)
        if channel.instant:
            return Leave(NEXT.id)
        return Wait("delivery", until=ctx.now + DELIVERY_DEADLINE, key=message.key)

    def resume(self, ctx: StepContext, config: SendMessageConfig, resume: Resume) -> Outcome:
        if isinstance(resume, Delivered) and resume.status != "unknown":
            return Leave(NEXT.id)
        if isinstance(resume, Delivered | TimedOut):
            ctx.note("delivery_unknown", "Whether the message was sent is not known.")
            return Leave(MESSAGE_FAILURE.id if config.failure_branch else NEXT.id)
        return _failed(ctx, config, getattr(resume, "error", "") or "The message could not be sent.")


def _channel(ctx: StepContext, config: SendMessageConfig) -> ChannelView | None:
    if config.channel.mode == "last":
        return ctx.contact.last_channel
    return ctx.contact.channel(config.channel.channel.id if config.channel.channel else None)


def _content(config: SendMessageConfig, channel: ChannelView) -> MessageContent:
    own = (response.content for response in config.responses if response.channel.id == channel.id)
    return next(own, config.default)


def _message(ctx: StepContext, channel: ChannelView, content: MessageContent) -> SendMessage:
    return SendMessage(
        channel_id=channel.id,
        identity_id=channel.identity_id,
        key=f"{ctx.key}:m",
        text=message_text(ctx, content.text),
        subject=ctx.render(content.subject, limit=MAX_SUBJECT) if channel.has_subject else "",
        html=ctx.render(content.html, html.escape, HTML_LIMIT) if channel.has_subject else "",
    )


def _failed(ctx: StepContext, config: SendMessageConfig, reason: str) -> Outcome:
    ctx.note("message_failed", reason)
    return Leave(MESSAGE_FAILURE.id) if config.failure_branch else End("message_failed", reason)
