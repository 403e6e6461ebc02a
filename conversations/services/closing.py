"""Closing episodes with a closing note."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from conversations.changes import CloseConversation
from conversations.content import storable
from conversations.items import LineItem
from conversations.models import ClosingCategory, Conversation
from conversations.payloads import closed_facts
from conversations.services.batch import Batch, batch_of
from isflow.kernel.actor import Actor
from isflow.workspaces.models import Membership


def conversations_close(rows: Sequence[CloseConversation]) -> list[int]:
    """Close the open episodes of these contacts; return the ids of the contacts whose was closed.

    A category that does not exist is left out. Closing by merge tells no trigger.
    """
    if not rows:
        return []
    wanted = {row.category_id for row in rows if row.category_id}
    with batch_of([row.contact_id for row in rows], user_ids=[row.actor.user_id for row in rows]) as batch:
        categories = ClosingCategory.objects.in_bulk(wanted) if wanted else {}
        closed: list[tuple[Conversation, Actor]] = []
        for row in rows:
            conversation = batch.open_conversation(row.contact_id)
            if conversation is None:
                continue
            _close(batch, conversation, row, categories.get(row.category_id or 0))
            closed.append((conversation, row.actor))
        conversations_ended(batch, closed)
    return [conversation.contact_id for conversation, _ in closed]


def conversations_ended(batch: Batch, closed: Sequence[tuple[Conversation, Actor]]) -> None:
    """Put closed episodes on record and show it."""
    if not closed:
        return
    people = {actor.user_id for _, actor in closed if actor.user_id}
    people |= {pk for row, _ in closed if (pk := batch.contacts[row.contact_id].assignee_id)}
    teams = _team_names(people)
    for conversation, actor in closed:
        contact = batch.contacts[conversation.contact_id]
        if conversation.closed_source != "merge":
            facts = closed_facts(
                conversation,
                contact=contact,
                user=batch.users.get(conversation.closed_by_id or 0),
                user_team=teams.get(conversation.closed_by_id or 0, ""),
                assignee_team=teams.get(contact.assignee_id or 0, ""),
            )
            batch.event("conversation_closed", contact.pk, facts, actor)
        batch.show(contact.pk, LineItem.closed(conversation))


def _close(
    batch: Batch, conversation: Conversation, row: CloseConversation, category: ClosingCategory | None
) -> None:
    conversation.status = Conversation.Status.CLOSED
    conversation.closed_at = row.at
    conversation.closed_source = row.actor.source
    conversation.closed_by_id = row.actor.user_id
    conversation.closed_by_name = batch.name_of(row.actor)[:100]
    conversation.category = category
    conversation.category_name = category.name if category else ""
    conversation.summary = storable(row.summary)
    conversation.last_activity_at = max(conversation.last_activity_at, row.at)
    batch.closed[conversation.pk] = conversation
    batch.counted[conversation.pk] = conversation


def _team_names(user_ids: Collection[int]) -> dict[int, str]:
    if not user_ids:
        return {}
    rows = Membership.objects.filter(user_id__in=user_ids, team__isnull=False)
    return dict(rows.values_list("user_id", "team__name"))
