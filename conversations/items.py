"""What the inbox shows, as plain data: the same objects fill templates and live frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from contacts.models import Contact
from conversations.content import preview
from conversations.models import Assignment, Comment, Conversation, Message, ThreadLine


@dataclass(frozen=True, slots=True)
class _Item:
    """Something with a time that becomes JSON."""

    type: ClassVar[str]
    rank: ClassVar[int]
    """Order among items of the same instant."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON; times are ISO strings."""
        data = asdict(self)
        return {
            "type": self.type,
            **{name: v.isoformat() if isinstance(v, datetime) else v for name, v in data.items()},
        }


@dataclass(frozen=True, slots=True)
class MessageItem(_Item):
    """A message of the thread, in either direction."""

    type: ClassVar[str] = "message"
    rank: ClassVar[int] = 2

    id: int
    contact: int
    direction: str
    text: str
    kind: str
    sender: str
    source: str
    status: str
    error: str
    at: datetime
    channel: int | None
    options: tuple[Mapping[str, str], ...] = ()
    attachments: tuple[Mapping[str, str], ...] = ()
    subject: str = ""
    html: str = ""
    location: tuple[float, float] | None = None

    @classmethod
    def of(cls, message: Message) -> MessageItem:
        """Describe a stored message."""
        content = message.content
        location = content.get("location")
        return cls(
            id=message.pk,
            contact=message.contact_id,
            direction=str(message.direction),
            text=message.text,
            kind=message.kind,
            sender=message.sender_name,
            source=str(message.source),
            status=str(message.status),
            error=message.error,
            at=message.created_at,
            channel=message.channel_id,
            options=tuple(content.get("options", ())),
            attachments=tuple(content.get("attachments", ())),
            subject=content.get("subject", ""),
            html=content.get("html", ""),
            location=(location[0], location[1]) if location else None,
        )

    def for_visitor(self) -> dict[str, Any]:
        """Return what the contact's own browser may know of it: no error, no inner source."""
        return {
            "type": self.type,
            "id": self.id,
            "direction": self.direction,
            "text": self.text,
            "kind": self.kind,
            "sender": self.sender if self.source in {"user", "bot"} else "",
            "options": list(self.options),
            "attachments": list(self.attachments),
            "at": self.at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class CommentItem(_Item):
    """An internal note of the thread."""

    type: ClassVar[str] = "comment"
    rank: ClassVar[int] = 3

    id: int
    contact: int
    text: str
    author: str
    source: str
    at: datetime

    @classmethod
    def of(cls, comment: Comment) -> CommentItem:
        """Describe a stored comment."""
        return cls(
            id=comment.pk,
            contact=comment.contact_id,
            text=comment.text,
            author=comment.author_name,
            source=str(comment.source),
            at=comment.created_at,
        )


@dataclass(frozen=True, slots=True)
class LineItem(_Item):
    """A line between the messages: what was done, and by whom. Words are put by the page."""

    type: ClassVar[str] = "line"
    RANKS: ClassVar[dict[str, int]] = {
        "opened": 0,
        "assigned": 1,
        "unassigned": 1,
        "closed": 4,
        "automation_stopped": 5,
    }

    id: int
    contact: int
    event: str
    source: str
    by: str
    at: datetime
    user: str = ""
    category: str = ""
    summary: str = ""

    @property
    def rank(self) -> int:  # type: ignore[override]
        """Order among items of the same instant."""
        return self.RANKS[self.event]

    @classmethod
    def opened(cls, conversation: Conversation) -> LineItem:
        """Describe the beginning of an episode."""
        return cls(
            id=conversation.pk,
            contact=conversation.contact_id,
            event="opened",
            source=str(conversation.opened_source),
            by=conversation.opened_by_name,
            at=conversation.opened_at,
        )

    @classmethod
    def closed(cls, conversation: Conversation) -> LineItem:
        """Describe the end of an episode, with its closing note."""
        return cls(
            id=conversation.pk,
            contact=conversation.contact_id,
            event="closed",
            source=str(conversation.closed_source),
            by=conversation.closed_by_name,
            at=conversation.closed_at or conversation.opened_at,
            category=conversation.category_name,
            summary=conversation.summary,
        )

    @classmethod
    def assigned(cls, assignment: Assignment, user_name: str) -> LineItem:
        """Describe a change of the person responsible."""
        return cls(
            id=assignment.pk,
            contact=assignment.contact_id,
            event="assigned" if assignment.user_id else "unassigned",
            source=str(assignment.source),
            by=assignment.by_name,
            at=assignment.at,
            user=user_name,
        )

    @classmethod
    def told(cls, line: ThreadLine) -> LineItem:
        """Describe what no other row tells."""
        return cls(
            id=line.pk,
            contact=line.contact_id,
            event=str(line.event),
            source=str(line.source),
            by=line.by_name,
            at=line.at,
            summary=line.subject,
        )


ThreadItem = MessageItem | CommentItem | LineItem


@dataclass(frozen=True, slots=True)
class InboxRow(_Item):
    """One contact's line in the list of conversations."""

    type: ClassVar[str] = "conversation"
    rank: ClassVar[int] = 0

    contact: int
    conversation: int | None
    name: str
    picture: str
    preview: str
    incoming: bool
    unread: int
    assignee: int | None
    assignee_name: str
    status: str
    at: datetime | None
    channel: str
    channel_name: str
    blocked: bool = field(default=False)

    @classmethod
    def of(cls, contact: Contact, conversation: Conversation | None) -> InboxRow:
        """Describe a contact by the latest conversation; assignee and channel should be loaded."""
        channel = conversation.channel if conversation else None
        return cls(
            contact=contact.pk,
            conversation=conversation.pk if conversation else None,
            name=contact.name,
            picture=contact.profile_picture,
            preview=conversation.last_message_text if conversation else "",
            incoming=conversation.last_message_incoming if conversation else False,
            unread=conversation.unread_count if conversation else 0,
            assignee=contact.assignee_id,
            assignee_name=contact.assignee.name if contact.assignee else "",
            status=str(conversation.status) if conversation else "",
            at=conversation.last_activity_at if conversation else None,
            channel=channel.kind if channel else "",
            channel_name=channel.name if channel else "",
            blocked=contact.is_blocked,
        )


def message_preview(message: Message) -> str:
    """Return the line that stands for the message in the list."""
    return preview(message.text, message.kind, message.content)
