"""Queueing messages to contacts: rendered for the channel, refused here if it is certain they cannot go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from channels_app.contract import Capabilities, adapters
from channels_app.models import Channel
from contacts.models import Contact, ContactIdentity
from conversations.changes import QueuedMessage, QueueMessage
from conversations.content import MessageContent
from conversations.items import MessageItem, message_preview
from conversations.models import Conversation, Message
from conversations.payloads import message_facts, participant_of
from conversations.services.batch import Batch, batch_of
from conversations.services.opening import Opening, open_many
from conversations.services.rendering import fit
from isflow.infra.inserts import insert_many
from isflow.infra.prepared import Among, Given, Prepared, every
from isflow.infra.tasks import hint
from isflow.kernel.actor import Actor
from isflow.kernel.errors import Conflict, NotFound


def messages_queue(rows: Sequence[QueueMessage]) -> dict[str, QueuedMessage]:
    """Store messages to be sent, in order; return what became of each by key. Sending follows the commit.

    A key that was used before returns its row and sends nothing. What surely cannot be sent (channel
    disconnected, contact blocked or unknown there, window closed, nothing to say) is stored as failed.
    Rows of contacts that do not exist are missing from the answer.
    """
    if not rows:
        return {}
    with batch_of(
        [row.contact_id for row in rows],
        channel_ids=[row.channel_id for row in rows],
        user_ids=[row.actor.user_id for row in rows],
    ) as batch:
        stored_before = _BY_KEY(workspace=batch.workspace_id, keys={row.key for row in rows})
        known = {str(one.key): one for one in stored_before}
        fresh: dict[str, QueueMessage] = {}
        for row in rows:
            if row.key not in known and row.contact_id in batch.contacts:
                fresh.setdefault(row.key, row)
        stored = _store(batch, list(fresh.values()))
        if any(message.status == Message.Status.QUEUED for message in stored):
            hint("send")
    found = {**known, **{str(message.key): message for message in stored}}
    return {key: QueuedMessage(one.pk, str(one.status), one.error) for key, one in found.items()}


_BY_KEY = Prepared(lambda: every(Message).filter(Among("key", "keys"), workspace_id=Given("workspace")))


def message_came(batch: Batch, message: Message, actor: Actor) -> None:
    """Put a stored message on record, count it in its conversation and show it."""
    conversation = batch.latest.get(message.contact_id)
    failed = message.status == Message.Status.FAILED
    if conversation is not None and conversation.pk == message.conversation_id:
        count(conversation, message, by_person=actor.source == "user")
        batch.counted[conversation.pk] = conversation
        who = participant_of(actor)
        if who and not failed:
            batch.join(conversation, (*who[:2], batch.name_of(actor)), message.created_at, actor)
    if not failed:
        batch.event("message_created", message.contact_id, message_facts(message), actor)
    instant = message.channel is not None and capabilities_of(message.channel).instant
    batch.show(
        message.contact_id,
        MessageItem.of(message),
        visitor=message.identity_id if instant and not failed else None,
    )


def count(conversation: Conversation, message: Message, *, by_person: bool) -> None:
    """Bring counters and preview of a conversation up to date; a failed message counts for nothing."""
    at = message.created_at
    conversation.last_activity_at = max(conversation.last_activity_at, at)
    if message.status == Message.Status.FAILED:
        return
    incoming = message.direction == Message.Direction.IN
    conversation.last_message_at = at
    conversation.last_message_text = message_preview(message)
    conversation.last_message_incoming = incoming
    if message.channel is not None:
        conversation.channel = message.channel
    if incoming:
        conversation.incoming_count += 1
        conversation.unread_count += 1
        return
    conversation.outgoing_count += 1
    if by_person:
        conversation.unread_count = 0
        if conversation.first_response_at is None and conversation.is_open:
            conversation.first_response_at = at


def capabilities_of(channel: Channel) -> Capabilities:
    """Return what a channel can carry; a kind nobody knows (a removed plug-in) can carry text."""
    return adapters.get(channel.kind).capabilities if channel.kind in adapters else Capabilities()


def message_send_again(*, message_id: int, at: datetime) -> QueuedMessage:
    """Send a copy of a message that failed or of which nobody knows; a person decides that. Once per message.

    NotFound if there is no such message, Conflict if it needs no second try.
    """
    message = Message.objects.filter(pk=message_id, direction=Message.Direction.OUT).first()
    if message is None:
        raise NotFound(_("There is no such message."))
    lost = message.status in {Message.Status.FAILED, Message.Status.UNKNOWN}
    if not lost or message.identity_id is None or message.channel_id is None:
        raise Conflict(_("This message cannot be sent again."))
    content = MessageContent.from_json(message.content)
    row = QueueMessage(
        contact_id=message.contact_id,
        identity_id=message.identity_id,
        channel_id=message.channel_id,
        key=f"again:{message.pk}",
        at=at,
        text=message.text,
        options=content.options,
        attachments=content.attachments,
        subject=content.subject,
        html=content.html,
    )
    return messages_queue([row])[row.key]


def _store(batch: Batch, rows: Sequence[QueueMessage]) -> Sequence[Message]:
    if not rows:
        return []
    wanted = {row.identity_id for row in rows}
    identities = {one.pk: one for one in _IDENTITIES(workspace=batch.workspace_id, ids=wanted)}
    refusals = {row.key: _refusal(batch, row, identities) for row in rows}
    open_many(
        batch,
        [
            Opening(row.contact_id, row.at, row.actor, row.channel_id)
            for row in rows
            if row.opens_conversation and not refusals[row.key]
        ],
    )
    messages = insert_many([_message(batch, row, identities, refusals[row.key]) for row in rows])
    for message, row in zip(messages, rows, strict=True):
        message_came(batch, message, row.actor)
    return messages


_IDENTITIES = Prepared(
    lambda: every(ContactIdentity).filter(Among("pk", "ids"), workspace_id=Given("workspace"))
)


def _refusal(batch: Batch, row: QueueMessage, identities: Mapping[int, ContactIdentity]) -> str:
    """Say why a message cannot be sent at all; empty if it can."""
    contact: Contact = batch.contacts[row.contact_id]
    channel = batch.channels.get(row.channel_id)
    identity = identities.get(row.identity_id)
    if channel is None:
        return _("The channel no longer exists.")
    if channel.status == Channel.Status.DISCONNECTED or channel.kind not in adapters:
        return _("The channel “%(name)s” is disconnected.") % {"name": channel.name}
    if contact.is_blocked:
        return _("The contact is blocked.")
    if identity is None or identity.contact_id != contact.pk or identity.channel_id != channel.pk:
        return _("The contact cannot be reached on the channel “%(name)s”.") % {"name": channel.name}
    if not (row.text.strip() or row.attachments or row.html.strip()):
        return _("The message is empty.")
    hours = capabilities_of(channel).window_hours
    wrote = identity.last_incoming_at
    if hours is not None and (wrote is None or row.at - wrote > timedelta(hours=hours)):
        return _("The contact has not written in the last %(hours)d hours.") % {"hours": hours}
    return ""


def _message(
    batch: Batch, row: QueueMessage, identities: Mapping[int, ContactIdentity], refusal: str
) -> Message:
    channel = batch.channels.get(row.channel_id)
    capabilities = capabilities_of(channel) if channel else Capabilities()
    text, content = fit(row, capabilities)
    status = Message.Status.SENT if capabilities.instant else Message.Status.QUEUED
    actor = row.actor
    sent = not refusal and status == Message.Status.SENT
    return Message(
        workspace_id=batch.workspace_id,
        contact=batch.contacts[row.contact_id],
        conversation=batch.latest.get(row.contact_id),
        channel=channel,
        identity=identities.get(row.identity_id),
        direction=Message.Direction.OUT,
        kind=_kind(content),
        text=text,
        content=content.to_json(),
        source=actor.source,
        sender_id=actor.user_id,
        sender_name=batch.name_of(actor)[:100],
        workflow_id=actor.workflow_id,
        run_id=actor.run_id,
        key=row.key,
        status=Message.Status.FAILED if refusal else status,
        error=refusal[:500],
        created_at=row.at,
        sent_at=row.at if sent else None,
    )


def _kind(content: MessageContent) -> str:
    if content.html:
        return "email"
    return content.attachments[0].kind[:16] if content.attachments else "text"
