"""Opening episodes: the one place where conversations come into being."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from channels_app.models import Channel
from conversations.changes import OpenConversation
from conversations.items import LineItem
from conversations.models import Conversation, ParticipantType
from conversations.payloads import opened_facts, participant_of
from conversations.services.batch import Batch, batch_of
from isflow.infra.inserts import insert_many
from isflow.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class Opening:
    """A wish to open, with what is known of the message that caused it."""

    contact_id: int
    at: datetime
    actor: Actor
    channel_id: int | None = None
    text: str = ""
    kind: str = ""
    ad: Mapping[str, str] | None = None


def conversations_open(rows: Sequence[OpenConversation]) -> list[int]:
    """Open an episode for each contact who has none open; return the ids of the contacts for whom it was.

    Unknown contacts are left out. The same number of statements for one row or a hundred.
    """
    if not rows:
        return []
    with batch_of(
        [row.contact_id for row in rows],
        channel_ids=[row.channel_id for row in rows],
        user_ids=[row.actor.user_id for row in rows],
    ) as batch:
        opened = open_many(
            batch, [Opening(row.contact_id, row.at, row.actor, row.channel_id) for row in rows]
        )
    return [conversation.contact_id for conversation in opened]


def open_many(batch: Batch, wishes: Sequence[Opening]) -> Sequence[Conversation]:
    """Open within a batch: two statements, however many; contacts with an open episode are passed over."""
    taken: dict[int, Opening] = {}
    for wish in wishes:
        if wish.contact_id in batch.contacts and batch.open_conversation(wish.contact_id) is None:
            taken.setdefault(wish.contact_id, wish)
    if not taken:
        return []
    former = [contact_id for contact_id in taken if contact_id in batch.latest]
    if former:
        make_room(former)
    opened = insert_many([_new(batch, wish) for wish in taken.values()])
    for conversation, wish in zip(opened, taken.values(), strict=True):
        batch.latest[conversation.contact_id] = conversation
        batch.presences.nobody_yet.add(conversation.pk)
        conversation_began(batch, conversation, wish.actor, ad=wish.ad)
    return opened


def make_room(contact_ids: Sequence[int]) -> None:
    """Let the latest episodes of these contacts no longer be the latest: another one comes."""
    Conversation.objects.filter(contact_id__in=contact_ids, is_latest=True).update(is_latest=False)


def conversation_began(
    batch: Batch,
    conversation: Conversation,
    actor: Actor,
    *,
    ad: Mapping[str, str] | None = None,
    anew: bool = False,
) -> None:
    """Put a new row on record: created, opened, who takes part. ``anew``: an old row was opened again."""
    contact = batch.contacts[conversation.contact_id]
    user = batch.users.get(conversation.opened_by_id or 0)
    facts = opened_facts(conversation, user=user, ad=ad)
    if not anew:
        batch.event("conversation_created", contact.pk, facts, actor)
    if conversation.is_open:
        batch.event("conversation_opened", contact.pk, facts, actor)
    at = conversation.opened_at
    batch.join(conversation, (ParticipantType.CONTACT.value, str(contact.pk), contact.name), at, actor)
    if contact.assignee:
        who = (ParticipantType.USER.value, str(contact.assignee_id), contact.assignee.name)
        batch.join(conversation, who, at, actor)
    if who_acts := participant_of(actor):
        batch.join(conversation, (*who_acts[:2], batch.name_of(actor)), at, actor)
    batch.show(contact.pk, LineItem.opened(conversation))


def _new(batch: Batch, wish: Opening) -> Conversation:
    contact = batch.contacts[wish.contact_id]
    return Conversation(
        workspace_id=batch.workspace_id,
        contact=contact,
        channel=_channel(batch, wish),
        assignee=contact.assignee,
        opened_at=wish.at,
        opened_source=wish.actor.source,
        opened_by_id=wish.actor.user_id,
        opened_by_name=batch.name_of(wish.actor)[:100],
        first_incoming_text=wish.text,
        first_incoming_kind=wish.kind[:16],
        last_activity_at=wish.at,
    )


def _channel(batch: Batch, wish: Opening) -> Channel | None:
    """Take the named channel, else the one on which the contact last wrote."""
    if wish.channel_id is not None:
        return batch.channels.get(wish.channel_id)
    return batch.contacts[wish.contact_id].last_channel
