"""Changes asked of conversations, as plain data. Bulk services take many of them at once, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from channels_app.contract import Attachment, Option
from isflow.kernel.actor import Actor, current_actor


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """Open a new episode for a contact who has none open; otherwise no change."""

    contact_id: int
    at: datetime
    channel_id: int | None = None
    actor: Actor = field(default_factory=current_actor)


@dataclass(frozen=True, slots=True)
class CloseConversation:
    """Close the contact's open episode with an optional closing note; nothing open, no change."""

    contact_id: int
    at: datetime
    category_id: int | None = None
    summary: str = ""
    actor: Actor = field(default_factory=current_actor)


@dataclass(frozen=True, slots=True)
class AssignContact:
    """Make a user responsible for a contact, or nobody."""

    contact_id: int
    user_id: int | None
    at: datetime
    actor: Actor = field(default_factory=current_actor)


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """Send a message by one of the contact's identities. ``key`` makes it unique for ever."""

    contact_id: int
    identity_id: int
    channel_id: int
    key: str
    at: datetime
    text: str = ""
    options: tuple[Option, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    subject: str = ""
    html: str = ""
    opens_conversation: bool = False
    actor: Actor = field(default_factory=current_actor)


@dataclass(frozen=True, slots=True)
class AddComment:
    """Put an internal note on a contact."""

    contact_id: int
    text: str
    at: datetime
    actor: Actor = field(default_factory=current_actor)


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """What became of a QueueMessage: its row, and whether it is already on its way for good."""

    message_id: int
    status: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class MessageOutcome:
    """A queued message has been sent, refused, or nobody can know."""

    message_id: int
    key: str
    run_id: int | None
    contact_id: int
    status: str
    error: str = ""
