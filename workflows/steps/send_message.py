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
    Media,
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
MAX_FILES = 5
MAX_URL = 2_000
ADDRESS_STARTS = ("http://", "https://", "$", "{{$")


class MediaFile(PluginConfig):
    """A file to send, by its address."""

    kind: Literal["image", "audio", "video", "file"] = Field(default="file", description="What it is")
    url: Template = Field(
        min_length=1, max_length=MAX_URL, title="Address", description="Where the file lies, http or https"
    )
    name: str = Field(default="", max_length=200, description="Name that is shown")


class MessageContent(PluginConfig):
    """What is sent: a text, files, or both; subject and formatted text are for e-mail."""

    text: Template = Field(
        default="", max_length=TEXT_LIMIT, description="Text of the message; may use variables"
    )
    media: tuple[MediaFile, ...] = Field(
        default=(),
        max_length=MAX_FILES,
        title="Files",
        description="Files to send: one, or up to five on e-mail channels",
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
        yield from _content_problems("default", config.default)
        seen: set[int] = set()
        for index, response in enumerate(config.responses):
            yield from _content_problems(f"responses.{index}.content", response.content)
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
        if message.media:
            ctx.inputs["files"] = ", ".join(file.url for file in message.media)
        if not (message.text.strip() or message.media or message.html.strip()):
            return _failed(ctx, config, "There is nothing to send: text and files are empty.")
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
        media=tuple(_media(ctx, channel, content)),
    )


def _media(ctx: StepContext, channel: ChannelView, content: MessageContent) -> Iterator[Media]:
    """The files that go along; what is no address, or one too many for the channel, is noted and left out."""
    allowed = MAX_FILES if channel.has_subject else 1
    for number, file in enumerate(content.media):
        url = ctx.render(file.url, limit=MAX_URL).strip()
        if number >= allowed:
            ctx.note("file_left_out", f"This channel takes one file a message; {url} was left out.")
        elif not url.startswith(("http://", "https://")):
            ctx.note("file_left_out", f"“{url}” is no address of a file and was left out.")
        else:
            yield Media(file.kind, url, file.name)


def _content_problems(path: str, content: MessageContent) -> Iterator[Problem]:
    if not (content.text.strip() or content.media or content.html.strip()):
        yield Problem(f"{path}.text", "Write a text or choose a file.", "required")
    for index, file in enumerate(content.media):
        if not file.url.startswith(ADDRESS_STARTS):
            yield Problem(f"{path}.media.{index}.url", "Begin the address with http:// or https://.")


def _failed(ctx: StepContext, config: SendMessageConfig, reason: str) -> Outcome:
    ctx.note("message_failed", reason)
    return Leave(MESSAGE_FAILURE.id) if config.failure_branch else End("message_failed", reason)
