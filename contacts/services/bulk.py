"""Many changes at once: a constant number of statements, one event per real change, no Django signal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import structlog

from contacts.changes import FieldChange, TagChange
from contacts.events import field_event, same_value, tag_event
from contacts.fields import STANDARD_SPECS, FieldSpec, fit
from contacts.models import Contact, ContactTag, Tag
from contacts.selectors import field_specs
from contacts.services.catalogue import tags_by_name
from isflow.infra.db import require_atomic, update_many
from isflow.workspaces.events import DomainEvent, record_events
from isflow.workspaces.scope import current_workspace_id

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A change that was left out, and why."""

    change: FieldChange | TagChange
    reason: str


def tags_change(changes: Sequence[TagChange]) -> list[Skipped]:
    """Put tags on and take them off; return what was left out. Needs a transaction.

    The changes apply in order, but only the outcome counts: what a later change of the same call undoes is
    neither written nor put on record. The event carries the actor of the last change of its kind.
    """
    require_atomic()
    contacts = _locked({change.contact_id for change in changes})
    found = _TagFinder(changes)
    last: dict[tuple[int, int], TagChange] = {}
    skipped: list[Skipped] = []
    for change in changes:
        tag = found.tag(change)
        if change.contact_id not in contacts:
            skipped.append(Skipped(change, "There is no such contact."))
        elif tag is None:
            if change.add or change.tag_id is not None:
                skipped.append(Skipped(change, "There is no such tag."))
        else:
            last.pop((change.contact_id, tag.pk), None)
            last[change.contact_id, tag.pk] = change
    _tags_write(last, found.by_id)
    return _reported(skipped)


def fields_set(changes: Sequence[FieldChange]) -> list[Skipped]:
    """Give fields their canonical values; return what was left out. Needs a transaction.

    Of several values for one field of one contact the last one counts, with its actor. Unknown fields, and
    values that do not fit (an empty first name, too long an address), are left out; long text is cut.
    """
    require_atomic()
    contacts = _locked({change.contact_id for change in changes})
    specs = _specs_for(changes)
    last: dict[tuple[int, str], tuple[FieldChange, FieldSpec]] = {}
    skipped: list[Skipped] = []
    for change in changes:
        spec = specs.get(change.field)
        if change.contact_id not in contacts:
            skipped.append(Skipped(change, "There is no such contact."))
        elif spec is None:
            skipped.append(Skipped(change, "There is no such contact field."))
        else:
            try:
                fit(spec, change.value)
            except ValueError as error:
                skipped.append(Skipped(change, str(error)))
                continue
            last.pop((change.contact_id, change.field), None)
            last[change.contact_id, change.field] = change, spec
    _fields_write(last.values(), contacts)
    return _reported(skipped)


class _TagFinder:
    """The tags that a call is about, loaded once; those to be added by a new name are created."""

    def __init__(self, changes: Sequence[TagChange]) -> None:
        ids = {change.tag_id for change in changes if change.tag_id is not None}
        named = [change for change in changes if change.tag_id is None]
        self.by_id: dict[int, Tag] = {tag.pk: tag for tag in Tag.objects.filter(pk__in=ids)} if ids else {}
        self.by_name = tags_by_name(
            [change.name for change in named], create=[change.name for change in named if change.add]
        )
        self.by_id.update({tag.pk: tag for tag in self.by_name.values()})

    def tag(self, change: TagChange) -> Tag | None:
        """The tag a change means, or None."""
        return self.by_name.get(change.name) if change.tag_id is None else self.by_id.get(change.tag_id)


def _locked(ids: Collection[int]) -> dict[int, Contact]:
    """Lock contacts, always in the same order so that two callers cannot wait for each other."""
    rows = Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    return {contact.pk: contact for contact in rows} if ids else {}


def _specs_for(changes: Sequence[FieldChange]) -> dict[str, FieldSpec]:
    if all(change.field in STANDARD_SPECS for change in changes):
        return dict(STANDARD_SPECS)
    return field_specs()


def _tags_write(last: dict[tuple[int, int], TagChange], tags: dict[int, Tag]) -> None:
    """Insert and delete the rows that differ from what is stored."""
    if not last:
        return
    workspace_id = current_workspace_id()
    stored = ContactTag.objects.filter(
        contact_id__in={contact_id for contact_id, _ in last}, tag_id__in={tag_id for _, tag_id in last}
    )
    present = {(row.contact_id, row.tag_id): row.pk for row in stored}
    real = {key: change for key, change in last.items() if change.add != (key in present)}
    added = [
        ContactTag(workspace_id=workspace_id, contact_id=key[0], tag_id=key[1])
        for key, change in real.items()
        if change.add
    ]
    removed = [present[key] for key, change in real.items() if not change.add]
    if added:
        ContactTag.objects.bulk_create(added)
    if removed:
        # delete() would send a signal per row, and the receiver would record each event again.
        ContactTag.objects.filter(pk__in=removed)._raw_delete(ContactTag.objects.db)  # noqa: SLF001
    record_events(
        [
            tag_event(
                workspace_id=workspace_id,
                contact_id=contact_id,
                tag_id=tag_id,
                name=tags[tag_id].name,
                add=change.add,
                actor=change.actor,
            )
            for (contact_id, tag_id), change in real.items()
        ]
    )


def _fields_write(last: Iterable[tuple[FieldChange, FieldSpec]], contacts: dict[int, Contact]) -> None:
    """Write the values that differ from what is stored, all contacts in one statement."""
    workspace_id = current_workspace_id()
    events: list[DomainEvent] = []
    columns: dict[str, None] = {}
    for change, spec in last:
        contact, new = contacts[change.contact_id], fit(spec, change.value)
        old = contact.field_value(spec.key)
        if same_value(old, new):
            continue
        contact.put_field_value(spec.key, new)
        columns[Contact.STANDARD.get(spec.key, "custom")] = None
        events.append(
            field_event(
                workspace_id=workspace_id,
                contact_id=contact.pk,
                field=spec.key,
                old=old,
                new=new,
                actor=change.actor,
            )
        )
    changed = [contacts[pk] for pk in sorted({event.contact_id for event in events})]
    if changed:
        rows = [(contact.pk, *(getattr(contact, name) for name in columns)) for contact in changed]
        update_many(Contact, "id", tuple(columns), rows, where={"workspace": workspace_id})
    record_events(events)


def _reported(skipped: list[Skipped]) -> list[Skipped]:
    for entry in skipped:
        log.info("contacts.change_skipped", contact_id=entry.change.contact_id, reason=entry.reason)
    return skipped
