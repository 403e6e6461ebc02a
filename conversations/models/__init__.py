"""Episodes between the business and a contact."""

from __future__ import annotations

from conversations.models.conversation import (
    Assignment,
    ClosingCategory,
    Comment,
    Conversation,
    Participant,
    ParticipantType,
    Source,
)
from conversations.models.line import ThreadLine
from conversations.models.message import Message
from conversations.models.pace import ChannelPace, RecipientPace

__all__ = [
    "Assignment",
    "ChannelPace",
    "ClosingCategory",
    "Comment",
    "Conversation",
    "Message",
    "Participant",
    "ParticipantType",
    "RecipientPace",
    "Source",
    "ThreadLine",
]
