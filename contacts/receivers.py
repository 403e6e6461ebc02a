"""Plain ORM changes put on record: whoever saves a contact or tags one fires triggers.

Bulk services send no signal and record their events themselves. Removal of tags is taken from the deleted
rows themselves: ``m2m_changed`` also names tags that were never worn, and ``clear()`` names none.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from django.db import models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.utils.translation import gettext as _

from contacts.events import created_event, field_event, same_value, tag_event
from contacts.models import Contact, ContactTag, Tag
from isflow.kernel.actor import current_actor
from isflow.kernel.errors import Rejected
from isflow.workspaces.events import DomainEvent, record_events

_STORED = "_stored_before_save"


def connect() -> None:
    """Listen to contacts and their tags; calling it twice is harmless."""
    uid = "contacts.receivers"
    pre_save.connect(_contact_before_save, sender=Contact, dispatch_uid=uid)
    post_save.connect(_contact_saved, sender=Contact, dispatch_uid=uid)
    m2m_changed.connect(_tags_changed, sender=ContactTag, dispatch_uid=uid)
    pre_save.connect(_contact_tag_before_save, sender=ContactTag, dispatch_uid=uid)
    post_save.connect(_contact_tag_saved, sender=ContactTag, dispatch_uid=uid)
    post_delete.connect(_contact_tag_deleted, sender=ContactTag, dispatch_uid=uid)


def _contact_before_save(*, instance: Contact, raw: bool = False, **_kwargs: object) -> None:
    """Remember the stored row, locked, for the comparison after the save."""
    stored = None
    if not raw and instance.pk is not None:
        stored = Contact._base_manager.select_for_update().filter(pk=instance.pk).first()  # noqa: SLF001
    setattr(instance, _STORED, stored)


def _contact_saved(
    *,
    instance: Contact,
    created: bool,
    raw: bool = False,
    update_fields: Collection[str] | None = None,
    **_kwargs: object,
) -> None:
    stored: Contact | None = instance.__dict__.pop(_STORED, None)
    if raw:
        return
    if created:
        record_events(
            [created_event(workspace_id=instance.workspace_id, contact_id=instance.pk, actor=current_actor())]
        )
    elif stored is not None:
        record_events(_field_changes(stored, instance, update_fields))


def _field_changes(old: Contact, new: Contact, written: Collection[str] | None) -> list[DomainEvent]:
    """Compare two states of a contact, looking only at columns that were written (None: all)."""
    keys = [key for key, column in Contact.STANDARD.items() if written is None or column in written]
    if written is None or "custom" in written:
        keys += dict.fromkeys([*old.custom, *new.custom])
    pairs = [(key, old.field_value(key), new.field_value(key)) for key in keys]
    return [
        field_event(
            workspace_id=new.workspace_id,
            contact_id=new.pk,
            field=key,
            old=before,
            new=after,
            actor=current_actor(),
        )
        for key, before, after in pairs
        if not same_value(before, after)
    ]


def _tags_changed(
    *, instance: models.Model, action: str, reverse: bool, pk_set: set[int] | None, **_kwargs: object
) -> None:
    """Handle ``contact.tags.add()`` and ``tag.contacts.add()``; removal shows in the deleted rows."""
    if pk_set is None or action not in {"pre_add", "post_add"}:
        return
    if action == "pre_add":
        _before_add(instance, pk_set, reverse=reverse)
        return
    if reverse:
        assert isinstance(instance, Tag)  # noqa: S101 - the other end of this relation
        pairs = [(contact_id, instance.pk) for contact_id in sorted(pk_set)]
        names = {instance.pk: instance.name}
    else:
        pairs = [(instance.pk, tag_id) for tag_id in sorted(pk_set)]
        names = dict(Tag.objects.filter(pk__in=pk_set).values_list("pk", "name"))
    workspace_id: int = instance.workspace_id  # type: ignore[attr-defined]
    record_events(
        [
            tag_event(
                workspace_id=workspace_id,
                contact_id=contact_id,
                tag_id=tag_id,
                name=names[tag_id],
                add=True,
                actor=current_actor(),
            )
            for contact_id, tag_id in pairs
        ]
    )


def _before_add(instance: models.Model, pk_set: set[int], *, reverse: bool) -> None:
    """Lock the contacts, refuse what belongs to another workspace, drop what somebody has just added.

    Django read the missing ids before our lock and goes on with this very set.
    """
    other: type[Contact | Tag] = Contact if reverse else Tag
    known = set(other.objects.filter(pk__in=pk_set).values_list("pk", flat=True))
    if known != pk_set:
        raise Rejected(_("A tag and its contact belong to the same workspace."))
    contact_ids = pk_set if reverse else {instance.pk}
    _lock(contact_ids)
    rows = ContactTag.objects.filter(contact_id__in=contact_ids)
    if reverse:
        worn = set(rows.filter(tag_id=instance.pk).values_list("contact_id", flat=True))
    else:
        worn = set(rows.filter(tag_id__in=pk_set).values_list("tag_id", flat=True))
    pk_set -= worn


def _contact_tag_before_save(*, instance: ContactTag, raw: bool = False, **_kwargs: object) -> None:
    if raw:
        return
    if instance.tag.workspace_id != instance.workspace_id:
        raise Rejected(_("A tag and its contact belong to the same workspace."))
    _lock({instance.contact_id})


def _contact_tag_saved(*, instance: ContactTag, created: bool, raw: bool = False, **_kwargs: object) -> None:
    if created and not raw:
        _record_row(instance, add=True)


def _contact_tag_deleted(*, instance: ContactTag, origin: Any = None, **_kwargs: object) -> None:
    """Only rows deleted for their own sake count, not those that go with their contact, tag or workspace."""
    model = origin.model if isinstance(origin, models.QuerySet) else type(origin)
    if model is ContactTag:
        _record_row(instance, add=False)


def _record_row(row: ContactTag, *, add: bool) -> None:
    event = tag_event(
        workspace_id=cast("int", row.workspace_id),
        contact_id=row.contact_id,
        tag_id=row.tag_id,
        name=row.tag.name,
        add=add,
        actor=current_actor(),
    )
    record_events([event])


def _lock(contact_ids: Collection[int]) -> None:
    rows = Contact.objects.select_for_update().filter(pk__in=contact_ids).order_by("pk")
    list(rows.values_list("pk", flat=True))
