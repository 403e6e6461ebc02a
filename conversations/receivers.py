"""Plain ORM changes put on record: whoever saves a conversation, message, note or assignee fires triggers.

Bulk services send no model signals, so nothing is told twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.db.models import Model
from django.db.models.signals import post_save, pre_save
from django.utils import timezone

from channels_app.contract import InboundStatus
from channels_app.models import Channel
from channels_app.signals import items_received
from contacts.models import Contact
from conversations import inbound, streams
from conversations.changes import AddComment
from conversations.models import Comment, Conversation, Message, Participant
from conversations.payloads import participant_facts
from conversations.services.assigning import assignment, assignments_made
from conversations.services.batch import batch_of
from conversations.services.closing import conversations_ended
from conversations.services.messages import message_came
from conversations.services.notes import comment_came
from conversations.services.opening import conversation_began, make_room
from isflow.kernel.actor import current_actor
from isflow.workspaces.events import DomainEvent, record_events
from isflow.workspaces.models import User
from isflow.workspaces.scope import workspace_scope

_STORED = "_conversations_stored"


def connect() -> None:
    """Listen to our models, to assignees, and to what channels receive; calling it twice is harmless."""
    uid = "conversations.receivers"
    before: dict[type[Model], Callable[..., None]] = {
        Conversation: _conversation_before_save,
        Contact: _contact_before_save,
        Participant: _participant_before_save,
    }
    after: dict[type[Model], Callable[..., None]] = {
        Conversation: _conversation_saved,
        Contact: _contact_saved,
        Participant: _participant_saved,
        Message: _message_saved,
        Comment: _comment_saved,
    }
    for model, receiver in before.items():
        pre_save.connect(receiver, sender=model, dispatch_uid=uid)
    for model, receiver in after.items():
        post_save.connect(receiver, sender=model, dispatch_uid=uid)
    items_received.connect(_items_received, dispatch_uid=uid)
    streams.connect()


def _items_received(*, channel: Channel, items: Collection[Any], **_kwargs: object) -> list[InboundStatus]:
    return inbound.receive(channel, list(items)).early


def _remember(
    instance: Model, field: str, update_fields: Collection[str] | None, *, raw: bool
) -> tuple[object] | None:
    """Keep the stored value of a field before a save that writes it; None if there is nothing to compare."""
    written = update_fields is None or field in update_fields or f"{field}_id" in update_fields
    stored = None
    if not raw and written and instance.pk is not None:
        manager = type(instance)._base_manager  # noqa: SLF001 - the row itself names its workspace
        stored = manager.filter(pk=instance.pk).values_list(field).first()
    setattr(instance, _STORED, stored)
    return stored


def _conversation_before_save(
    *,
    instance: Conversation,
    raw: bool = False,
    update_fields: Collection[str] | None = None,
    **_kwargs: object,
) -> None:
    """Fill in what a plain change of the status leaves open: when, and by whom."""
    stored = _remember(instance, "status", update_fields, raw=raw)
    if instance._state.adding and instance.is_latest and not raw:  # noqa: SLF001 - Django's documented place
        with workspace_scope(instance.workspace_id):
            make_room([instance.contact_id])
    if stored is None or stored[0] == instance.status or update_fields is not None:
        return
    actor = current_actor()
    if instance.is_open:
        instance.opened_at, instance.opened_source = timezone.now(), actor.source
        instance.opened_by_id, instance.opened_by_name = actor.user_id, actor.name[:100]
        instance.closed_at, instance.closed_source = None, ""
        instance.closed_by, instance.closed_by_name = None, ""
    elif instance.closed_at is None:
        instance.closed_at, instance.closed_source = timezone.now(), actor.source
        instance.closed_by_id, instance.closed_by_name = actor.user_id, actor.name[:100]


def _conversation_saved(
    *, instance: Conversation, created: bool, raw: bool = False, **_kwargs: object
) -> None:
    stored: tuple[str] | None = instance.__dict__.pop(_STORED, None)
    if raw or not (created or (stored is not None and stored[0] != instance.status)):
        return
    actor = current_actor()
    people = [actor.user_id, instance.opened_by_id, instance.closed_by_id]
    with (
        workspace_scope(instance.workspace_id),
        batch_of([instance.contact_id], user_ids=people) as batch,
    ):
        if instance.is_latest:
            batch.latest[instance.contact_id] = instance
        if created:
            conversation_began(batch, instance, actor)
        elif instance.is_open:
            conversation_began(batch, instance, actor, anew=True)
        if not instance.is_open:
            conversations_ended(batch, [(instance, actor)])


def _contact_before_save(
    *, instance: Contact, raw: bool = False, update_fields: Collection[str] | None = None, **_kwargs: object
) -> None:
    stored = _remember(instance, "assignee", update_fields, raw=raw)
    if stored is not None and stored[0] != instance.assignee_id and update_fields is None:
        instance.assigned_at = timezone.now() if instance.assignee_id else None


def _contact_saved(*, instance: Contact, created: bool, raw: bool = False, **_kwargs: object) -> None:
    stored: tuple[int | None] | None = instance.__dict__.pop(_STORED, None)
    previous = stored[0] if stored is not None else None
    if raw or previous == instance.assignee_id or not (created or stored is not None):
        return
    actor = current_actor()
    with (
        workspace_scope(instance.workspace_id),
        batch_of([instance.pk], user_ids=[previous, actor.user_id]) as batch,
    ):
        former: User | None = batch.users.get(previous or 0)
        contact = batch.contacts[instance.pk]
        at = contact.assigned_at or timezone.now()
        assignments_made(batch, [assignment(batch, contact, previous=former, at=at, actor=actor)])


def _message_saved(*, instance: Message, created: bool, raw: bool = False, **_kwargs: object) -> None:
    if raw or not created:
        return
    actor = current_actor()
    with (
        workspace_scope(instance.workspace_id),
        batch_of([instance.contact_id], user_ids=[actor.user_id]) as batch,
    ):
        message_came(batch, instance, actor)


def _comment_saved(*, instance: Comment, created: bool, raw: bool = False, **_kwargs: object) -> None:
    if raw or not created:
        return
    row = AddComment(instance.contact_id, instance.text, instance.created_at)
    with workspace_scope(instance.workspace_id), batch_of([instance.contact_id]) as batch:
        comment_came(batch, instance, row)


def _participant_before_save(
    *,
    instance: Participant,
    raw: bool = False,
    update_fields: Collection[str] | None = None,
    **_kwargs: object,
) -> None:
    _remember(instance, "removed_at", update_fields, raw=raw)


def _participant_saved(*, instance: Participant, created: bool, raw: bool = False, **_kwargs: object) -> None:
    stored = instance.__dict__.pop(_STORED, None)
    left = stored is not None and stored[0] is None and instance.removed_at is not None
    if raw or not (created or left):
        return
    kind = "participant_removed" if left else "participant_added"
    conversation = instance.conversation
    facts = participant_facts(instance, conversation)
    record_events([DomainEvent(kind, instance.workspace_id, conversation.contact_id, facts)])
