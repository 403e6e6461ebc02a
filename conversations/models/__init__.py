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
from conversations.models.message import Message

__all__ = [
    "Assignment",
    "ClosingCategory",
    "Comment",
    "Conversation",
    "Message",
    "Participant",
    "ParticipantType",
    "Source",
]
