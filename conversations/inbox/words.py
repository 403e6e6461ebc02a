"""The words of the inbox: one table for the first page and for what scripts draw later."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from conversations.items import LineItem, MessageItem
from conversations.models import Conversation, Message, Source
from isflow.workspaces.models import Presence


def line_sentences() -> dict[str, str]:
    """Return the sentences of lines between messages, by event; ``_by`` where somebody is known."""
    return {
        "opened": _("Conversation opened"),
        "opened_by": _("Conversation opened by {by}"),
        "closed": _("Conversation closed"),
        "closed_by": _("Conversation closed by {by}"),
        "assigned": _("Assigned to {user}"),
        "assigned_by": _("Assigned to {user} by {by}"),
        "assigned_self": _("{user} took over"),
        "unassigned": _("Unassigned"),
        "unassigned_by": _("Unassigned by {by}"),
        "automation_stopped": _("Automation stopped"),
        "automation_stopped_by": _("Automation stopped by {by}"),
    }


def source_names() -> dict[str, str]:
    """Return how a cause is called where nobody is named."""
    return {
        Source.CONTACT.value: _("the contact"),
        Source.WORKFLOW.value: _("a workflow"),
        Source.USER.value: _("a former member"),
        Source.API.value: _("the API"),
        Source.ZAPIER.value: "Zapier",
        Source.MAKE.value: "Make",
        Source.CTC_ADS.value: _("a click-to-chat ad"),
        Source.BOT.value: _("the bot"),
        Source.BROADCAST.value: _("a broadcast"),
        Source.IMPORT.value: _("an import"),
        Source.MERGE.value: _("a merge"),
        Source.SYSTEM.value: "",
    }


def status_names() -> dict[str, str]:
    """Return what is said of an outgoing message by its status."""
    return {
        Message.Status.QUEUED.value: _("Sending"),
        Message.Status.SENDING.value: _("Sending"),
        Message.Status.SENT.value: _("Sent"),
        Message.Status.DELIVERED.value: _("Delivered"),
        Message.Status.READ.value: _("Read"),
        Message.Status.FAILED.value: _("Not sent"),
        Message.Status.UNKNOWN.value: _("Perhaps sent"),
    }


def line_text(line: LineItem) -> str:
    """Return the words of a line between messages."""
    named = _("workflow “{name}”").format(name=line.by) if line.by and line.source == "workflow" else line.by
    by = named or source_names().get(line.source, "")
    taken_over = line.event == "assigned" and line.by and line.by == line.user
    key = "assigned_self" if taken_over else f"{line.event}_by" if by else line.event
    return line_sentences()[key].format(by=by, user=line.user)


def sender_text(message: MessageItem) -> str:
    """Return whom an outgoing message names as its sender."""
    if message.source == Source.WORKFLOW:
        return _("Workflow: {name}").format(name=message.sender)
    return message.sender or source_names().get(message.source, "")


def visitor_name(name: str) -> str:
    """Return a name fit for reading; somebody unknown is a visitor with a number."""
    return _("Visitor {number}").format(number=name[1:]) if name.startswith("#") else name


def channel_icons() -> dict[str, str]:
    """Return the icon of each kind of channel that has one of its own."""
    return {
        "web_chat": "globe",
        "email": "mail",
        "telegram": "send",
        "whatsapp_cloud": "phone",
        "twilio_sms": "phone",
        "messenger": "messages",
        "instagram": "image",
    }


def script_words() -> dict[str, Any]:
    """Return everything the page's script may have to say."""
    return {
        "today": _("Today"),
        "yesterday": _("Yesterday"),
        "workflow": _("Workflow: {name}"),
        "byWorkflow": _("workflow “{name}”"),
        "visitor": _("Visitor {number}"),
        "noMessages": _("No messages yet"),
        "assignedTo": _("Assigned to"),
        "notSent": _("Not sent. Check your connection."),
        "saved": _("Saved."),
        "trouble": _("That did not work. Please try again."),
        "offline": _("Offline. Trying again…"),
        "typing": _("{name} is writing…"),
        "assign": _("Assign"),
        "conversation": {str(status): str(status.label) for status in Conversation.Status},
        "presence": {str(presence): str(presence.label) for presence in Presence},
        "lines": line_sentences(),
        "sources": source_names(),
        "channelIcons": channel_icons(),
        "statuses": status_names(),
    }
