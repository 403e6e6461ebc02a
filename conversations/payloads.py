"""What the events of this app tell: plain values, named like the variables that workflows offer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from contacts.models import Contact
from conversations.content import MessageContent
from conversations.models import Comment, Conversation, Message, Participant, ParticipantType
from isflow.kernel.actor import Actor
from isflow.kernel.values import Scalar
from isflow.workspaces.models import User

Facts = dict[str, Scalar | list[str] | list[int]]

MAX_TEXT = 2000

SENDER_TYPES: dict[str, ParticipantType] = {
    "contact": ParticipantType.CONTACT,
    "ctc_ads": ParticipantType.CONTACT,
    "user": ParticipantType.USER,
    "bot": ParticipantType.BOT,
    "workflow": ParticipantType.FLOW,
    "api": ParticipantType.ACCESS_KEY,
    "zapier": ParticipantType.ACCESS_KEY,
    "make": ParticipantType.ACCESS_KEY,
    "broadcast": ParticipantType.CONNECTOR,
}
"""Which kind of participant stands behind a source; any other is an echo of the channel."""


def sender_type(source: str) -> str:
    """Return the kind of participant who sends or acts as ``source``."""
    return str(SENDER_TYPES.get(source, ParticipantType.CHANNEL).value)


def participant_of(actor: Actor) -> tuple[str, str, str] | None:
    """Return type, reference and name of the participant an actor is; None for the contact and the system."""
    kind = SENDER_TYPES.get(actor.source)
    if kind is None or kind is ParticipantType.CONTACT:
        return None
    if kind is ParticipantType.USER:
        return (kind.value, str(actor.user_id), actor.name) if actor.user_id else None
    if kind is ParticipantType.FLOW:
        return (kind.value, str(actor.workflow_id), actor.name) if actor.workflow_id else None
    return kind.value, (actor.name or actor.source)[:64], actor.name or actor.source


def opened_facts(conversation: Conversation, *, user: User | None, ad: Mapping[str, str] | None) -> Facts:
    """Describe the opening of an episode; ``user`` opened it, ``ad`` brought the contact here."""
    facts: Facts = {**_opening(conversation), "source": str(conversation.opened_source)}
    if conversation.opened_source == "user":
        facts |= _person("opened_by_user", user, conversation.opened_by_name)
    for name, value in (ad or {}).items():
        facts[name if name.startswith(("ad_", "ads_", "clicked_")) else f"ad_{name}"] = value
    return facts


def closed_facts(
    conversation: Conversation, *, contact: Contact, user: User | None, user_team: str, assignee_team: str
) -> Facts:
    """Describe the end of an episode; durations are whole seconds, None where nobody answered."""
    closed_at = conversation.closed_at or conversation.last_activity_at
    facts: Facts = {
        **_opening(conversation),
        "source": str(conversation.closed_source),
        "category": conversation.category_name or None,
        "category_id": conversation.category_id,
        "summary": conversation.summary or None,
        "closed_at": closed_at.isoformat(),
        "closed_by_source": str(conversation.closed_source),
        "first_response_time": _seconds(conversation.opened_at, conversation.first_response_at),
        "resolution_time": _seconds(conversation.opened_at, closed_at),
        "incoming_message_count": conversation.incoming_count,
        "outgoing_message_count": conversation.outgoing_count,
        "assignee": contact.assignee.name if contact.assignee else None,
        "assignee_id": contact.assignee_id,
        "assignee_team": assignee_team or None,
        "last_assignment_at": contact.assigned_at.isoformat() if contact.assigned_at else None,
    }
    if conversation.closed_source == "user":
        facts |= _person("closed_by_user", user, conversation.closed_by_name)
        facts["closed_by_team"] = user_team or None
    return facts


def participant_facts(participant: Participant, conversation: Conversation) -> Facts:
    """Describe who joined or left."""
    return {
        "conversation_id": conversation.pk,
        "participant_type": str(participant.type),
        "participant_id": participant.ref,
        "participant_name": participant.name,
        **_channel(conversation),
    }


def message_facts(message: Message) -> Facts:
    """Describe a stored message; the text is cut at 2,000 characters.

    ``payload`` is the id of a pressed choice, ``location`` latitude and longitude as text.
    """
    content = MessageContent.from_json(message.content)
    facts: Facts = {
        "message_id": message.pk,
        "direction": str(message.direction),
        "type": message.kind,
        "text": message.text[:MAX_TEXT],
        "sender_type": sender_type(message.source),
        "sender_name": message.sender_name,
        "channel_id": message.channel_id,
        "channel": message.channel.name if message.channel else None,
        "channel_kind": message.channel.kind if message.channel else None,
        "identity_id": message.identity_id,
        "conversation_id": message.conversation_id,
        "workflow_id": message.workflow_id,
        "attachments_count": len(content.attachments),
    }
    if content.attachments:
        facts["attachment_urls"] = [file.url for file in content.attachments]
    if content.payload:
        facts["payload"] = content.payload
    if content.location:
        facts["location"] = [str(number) for number in content.location]
    return facts


def assigned_facts(user: User | None, previous_user_id: int | None, actor: Actor) -> Facts:
    """Describe who is responsible now, who was, and who decided it."""
    return {
        "user_id": user.pk if user else None,
        "user_name": user.name if user else None,
        "previous_user_id": previous_user_id,
        "by_source": actor.source,
        "by_user_id": actor.user_id,
    }


def comment_facts(comment: Comment) -> Facts:
    """Describe an internal note."""
    return {
        "comment_id": comment.pk,
        "text": comment.text,
        "author_id": comment.author_id,
        "author_name": comment.author_name,
        "conversation_id": comment.conversation_id,
    }


def _opening(conversation: Conversation) -> Facts:
    channel = _channel(conversation)
    by_contact = conversation.opened_source in {"contact", "ctc_ads"}
    return {
        "conversation_id": conversation.pk,
        "first_incoming_message": conversation.first_incoming_text if by_contact else None,
        "first_incoming_message_type": (conversation.first_incoming_kind or None) if by_contact else None,
        "first_incoming_message_channel": channel["channel"] if by_contact else None,
        "first_incoming_message_channel_id": channel["channel_id"] if by_contact else None,
        "opened_by_source": str(conversation.opened_source),
        "opened_at": conversation.opened_at.isoformat(),
        **channel,
    }


def _channel(conversation: Conversation) -> Facts:
    channel = conversation.channel
    return {
        "channel_id": channel.pk if channel else None,
        "channel": channel.name if channel else None,
        "channel_kind": channel.kind if channel else None,
    }


def _person(prefix: str, user: User | None, name: str) -> Facts:
    return {
        prefix: user.name if user else name,
        f"{prefix}_id": user.pk if user else None,
        f"{prefix}_email": user.email if user else None,
    }


def _seconds(start: datetime, end: datetime | None) -> int | None:
    return None if end is None else max(0, int((end - start).total_seconds()))
