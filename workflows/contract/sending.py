"""What stands between a workflow and a contact it wants to write to."""

from __future__ import annotations

from workflows.contract.config import TEXT_LIMIT
from workflows.contract.context import StepContext
from workflows.contract.snapshot import ChannelView, ContactView


class CannotSend(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """No message can be sent to the contact; the message says why."""


def usable(contact: ContactView, channel: ChannelView | None) -> ChannelView:
    """The channel, if a message can be sent there now; else CannotSend."""
    if contact.is_blocked:
        raise CannotSend("The contact is blocked.")
    if channel is None:
        raise CannotSend("The contact cannot be reached on this channel.")
    if not channel.connected:
        raise CannotSend(f"The channel “{channel.name}” is disconnected.")
    if not channel.window_open:
        raise CannotSend(f"The messaging window of the channel “{channel.name}” is closed.")
    return channel


def message_text(ctx: StepContext, template: str, suffix: str = "") -> str:
    """The text of a message, cut at 2,000 characters with a note if it has become too long."""
    text = ctx.render(template) + suffix
    if len(text) > TEXT_LIMIT:
        ctx.note("text_cut", f"The text was longer than {TEXT_LIMIT:,} characters and was cut.")
    return text[:TEXT_LIMIT]
