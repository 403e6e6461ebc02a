"""Fitting a message into what its channel can carry."""

from __future__ import annotations

from channels_app.contract import Capabilities
from channels_app.rendering import OutboundContent, render
from conversations.changes import QueueMessage
from conversations.content import MessageContent, storable


def fit(row: QueueMessage, capabilities: Capabilities) -> tuple[str, MessageContent]:
    """Return text and content as they will be sent: choices as buttons, list rows or numbered lines."""
    wanted = OutboundContent(
        text=storable(row.text),
        options=row.options,
        attachments=row.attachments,
        subject=storable(row.subject),
        html=storable(row.html),
    )
    rendered = render(wanted, capabilities)
    content = MessageContent(
        options=rendered.options,
        options_title=rendered.options_title,
        attachments=rendered.attachments,
        subject=rendered.subject,
        html=rendered.html,
        thread_key=_thread(row) if capabilities.has_subject else "",
    )
    return rendered.text, content


def _thread(row: QueueMessage) -> str:
    """Name the e-mail thread: one for each contact and workflow, and one for what people write."""
    workflow_id = row.actor.workflow_id
    return f"workflow:{workflow_id}:{row.contact_id}" if workflow_id else f"contact:{row.contact_id}"
