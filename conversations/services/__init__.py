"""Changing conversations: bulk services, each a constant number of statements, recording events itself."""

from __future__ import annotations

from conversations.services.assigning import contacts_assign
from conversations.services.closing import conversations_close
from conversations.services.lines import automation_stopped
from conversations.services.messages import message_send_again, messages_queue
from conversations.services.notes import comments_add, conversation_mark_read
from conversations.services.opening import conversations_open
from conversations.services.settling import message_mark_delivered

__all__ = [
    "automation_stopped",
    "comments_add",
    "contacts_assign",
    "conversation_mark_read",
    "conversations_close",
    "conversations_open",
    "message_mark_delivered",
    "message_send_again",
    "messages_queue",
]
