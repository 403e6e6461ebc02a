"""Effects of a whole batch of runs, handed in bulk to the apps that own the things.

Effects of one run keep their order: they are cut into waves wherever a kind would have to be applied after
a kind that comes later in ``_ORDER``. Most batches are one wave, so a hundred runs cost what one costs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels_app.contract import Attachment, Option
from contacts.changes import FieldChange, TagChange
from contacts.services import fields_set, tags_change
from conversations import changes
from conversations.services import (
    comments_add,
    contacts_assign,
    conversations_close,
    conversations_open,
    messages_queue,
)
from isflow.kernel.actor import Actor
from workflows.contract import (
    AddComment,
    AddTag,
    Assign,
    CloseConversation,
    Effect,
    OpenConversation,
    RemoveTag,
    SendMessage,
    SetField,
    StartRun,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One effect of one run."""

    run_id: int
    contact_id: int
    actor: Actor
    effect: Effect
    at: datetime


_ORDER: tuple[tuple[type, ...], ...] = (
    (OpenConversation,),
    (SetField,),
    (AddTag, RemoveTag),
    (Assign,),
    (SendMessage,),
    (AddComment,),
    (CloseConversation,),
    (StartRun,),
)
_RANK = {kind: rank for rank, kinds in enumerate(_ORDER) for kind in kinds}


@dataclass(slots=True)
class Applied:
    """What the services reported back: messages by key, and runs to start."""

    messages: dict[str, changes.QueuedMessage]
    starts: list[Wanted]


def apply(wanted: Sequence[Wanted]) -> Applied:
    """Apply all effects, wave by wave, one service call per kind and wave."""
    applied = Applied({}, [])
    for wave in _waves(wanted):
        for kinds in _ORDER:
            rows = [row for row in wave if isinstance(row.effect, kinds)]
            if rows:
                _apply_kind(kinds[0], rows, applied)
    return applied


def _waves(wanted: Sequence[Wanted]) -> list[list[Wanted]]:
    waves: defaultdict[int, list[Wanted]] = defaultdict(list)
    place: dict[int, tuple[int, int]] = {}
    for row in wanted:
        wave, last = place.get(row.run_id, (0, 0))
        rank = _RANK[type(row.effect)]
        if rank < last:
            wave += 1
        place[row.run_id] = (wave, rank)
        waves[wave].append(row)
    return [waves[number] for number in sorted(waves)]


def _apply_kind(kind: type, rows: list[Wanted], applied: Applied) -> None:
    if kind is StartRun:
        applied.starts.extend(rows)
    elif kind is SendMessage:
        applied.messages |= messages_queue([_message(row) for row in rows])
    else:
        service, translate = _SERVICES[kind]
        service([translate(row) for row in rows])


def _message(row: Wanted) -> changes.QueueMessage:
    effect = row.effect
    assert isinstance(effect, SendMessage)  # noqa: S101 - sorted by type above
    return changes.QueueMessage(
        contact_id=row.contact_id,
        identity_id=effect.identity_id,
        channel_id=effect.channel_id,
        key=effect.key,
        at=row.at,
        text=effect.text,
        options=tuple(Option(choice.id, choice.label) for choice in effect.choices),
        subject=effect.subject,
        html=effect.html,
        attachments=tuple(Attachment(file.kind, file.url, file.name) for file in effect.media),
        actor=row.actor,
    )


def _tag(row: Wanted) -> TagChange:
    effect: Any = row.effect
    return TagChange(
        row.contact_id, effect.tag_id, effect.name, add=isinstance(effect, AddTag), actor=row.actor
    )


def _field(row: Wanted) -> FieldChange:
    effect: Any = row.effect
    return FieldChange(row.contact_id, effect.slug, effect.value, actor=row.actor)


def _open(row: Wanted) -> changes.OpenConversation:
    return changes.OpenConversation(row.contact_id, row.at, actor=row.actor)


def _close(row: Wanted) -> changes.CloseConversation:
    effect: Any = row.effect
    return changes.CloseConversation(
        row.contact_id, row.at, category_id=effect.category_id, summary=effect.summary, actor=row.actor
    )


def _assign(row: Wanted) -> changes.AssignContact:
    effect: Any = row.effect
    return changes.AssignContact(row.contact_id, effect.user_id, row.at, actor=row.actor)


def _comment(row: Wanted) -> changes.AddComment:
    effect: Any = row.effect
    return changes.AddComment(row.contact_id, effect.text, row.at, actor=row.actor)


_SERVICES: dict[type, tuple[Callable[[list[Any]], Any], Callable[[Wanted], Any]]] = {
    OpenConversation: (conversations_open, _open),
    SetField: (fields_set, _field),
    AddTag: (tags_change, _tag),
    Assign: (contacts_assign, _assign),
    AddComment: (comments_add, _comment),
    CloseConversation: (conversations_close, _close),
}
