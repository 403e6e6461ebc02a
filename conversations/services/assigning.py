"""Making users responsible for contacts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from contacts.models import Contact
from conversations.changes import AssignContact
from conversations.items import LineItem
from conversations.models import Assignment, Conversation, ParticipantType
from conversations.payloads import assigned_facts
from conversations.services.batch import Batch, batch_of
from isflow.infra.db import update_many
from isflow.kernel.actor import Actor
from isflow.workspaces.models import Membership, User


def contacts_assign(rows: Sequence[AssignContact]) -> list[int]:
    """Assign or unassign contacts, in order; return the ids of the contacts for whom something changed.

    The same assignee again is no change; neither is somebody who is no active member of the workspace.
    """
    if not rows:
        return []
    wanted = {row.user_id for row in rows if row.user_id}
    with batch_of(
        [row.contact_id for row in rows],
        user_ids=[*wanted, *(row.actor.user_id for row in rows)],
    ) as batch:
        members = _members(wanted)
        moves: list[Assignment] = []
        for row in rows:
            contact = batch.contacts.get(row.contact_id)
            if contact is None or contact.assignee_id == row.user_id:
                continue
            user = batch.users.get(row.user_id) if row.user_id in members else None
            if row.user_id is None or user is not None:
                moves.append(_assign(batch, contact, user, row.at, row.actor))
        changed = {move.contact_id: batch.contacts[move.contact_id] for move in moves}
        if changed:
            update_many(
                Contact,
                "id",
                ["assignee", "assigned_at"],
                [(one.pk, one.assignee_id, one.assigned_at) for one in changed.values()],
            )
        assignments_made(batch, moves)
    return list(changed)


def assignments_made(batch: Batch, moves: Sequence[Assignment]) -> None:
    """Store the history, tell the latest conversations and show it; two statements."""
    if not moves:
        return
    Assignment.objects.bulk_create(moves)
    owners = {
        batch.latest[move.contact_id].pk: move.user_id for move in moves if move.contact_id in batch.latest
    }
    update_many(Conversation, "id", ["assignee"], owners.items())
    for move in moves:
        batch.show(move.contact_id, LineItem.assigned(move, move.user.name if move.user else ""))


def assignment(
    batch: Batch, contact: Contact, *, previous: User | None, at: datetime, actor: Actor
) -> Assignment:
    """Describe the contact's present assignee as a new one: history row, event, who joins and who leaves."""
    user = contact.assignee
    conversation = batch.open_conversation(contact.pk)
    if conversation is not None:
        if previous:
            batch.presences.leave(conversation, _participant(previous), at, actor)
        if user:
            batch.join(conversation, _participant(user), at, actor)
    previous_id = previous.pk if previous else None
    batch.event("contact_assigned", contact.pk, assigned_facts(user, previous_id, actor), actor)
    if previous_id is not None:
        batch.left_by.setdefault(contact.pk, previous_id)
    return Assignment(
        workspace_id=batch.workspace_id,
        contact=contact,
        conversation=conversation,
        user=user,
        source=actor.source,
        by_user_id=actor.user_id,
        by_name=batch.name_of(actor)[:100],
        at=at,
    )


def _assign(batch: Batch, contact: Contact, user: User | None, at: datetime, actor: Actor) -> Assignment:
    previous = contact.assignee
    contact.assignee = user
    contact.assigned_at = at if user else None
    return assignment(batch, contact, previous=previous, at=at, actor=actor)


def _members(user_ids: set[int]) -> set[int]:
    if not user_ids:
        return set()
    rows = Membership.objects.filter(user_id__in=user_ids, user__is_active=True)
    return set(rows.values_list("user_id", flat=True))


def _participant(user: User) -> tuple[str, str, str]:
    return ParticipantType.USER.value, str(user.pk), user.name
