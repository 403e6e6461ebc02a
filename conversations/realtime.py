"""Live frames of one transaction, collected and published once, at its end.

Services say what has changed; whoever is outermost publishes. So an engine batch with a hundred changes
moves each stream's counter once, as the last statement before the commit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db import transaction

from conversations.items import InboxRow, MessageItem, ThreadItem
from isflow.workspaces.live import Frame, publish
from isflow.workspaces.models import Membership


@dataclass
class _Gathered:
    """What has changed in one workspace so far. Of one contact's row only the newest state counts."""

    rows: dict[int, InboxRow] = field(default_factory=dict)
    gone: dict[int, set[int]] = field(default_factory=dict)
    items: list[Frame] = field(default_factory=list)


_buffer: ContextVar[dict[int, _Gathered] | None] = ContextVar("conversations_frames", default=None)


@contextmanager
def announcing() -> Iterator[None]:
    """Run the block in a transaction and publish everything announced in it as the last statement.

    Nested uses join the outermost one; the outermost should also be the outermost transaction.
    """
    if _buffer.get() is not None:
        yield
        return
    with transaction.atomic():
        gathered: dict[int, _Gathered] = {}
        token = _buffer.set(gathered)
        try:
            yield
        finally:
            _buffer.reset(token)
        _flush(gathered)


def announce_row(workspace_id: int, row: InboxRow, *, left_by: int | None = None) -> None:
    """Show the contact's line in the lists anew; ``left_by`` is the user who is no longer responsible."""
    gathered = _of(workspace_id)
    gathered.rows[row.contact] = row
    if left_by is not None:
        gathered.gone.setdefault(row.contact, set()).add(left_by)


def announce_item(workspace_id: int, item: ThreadItem, *, visitor: int | None = None) -> None:
    """Show a line of the thread, new or changed; ``visitor`` is the identity whose own page shows it too."""
    frames = _of(workspace_id).items
    frames.append(Frame(f"thread:{item.contact}", item.type, item.to_json()))
    if visitor is not None and isinstance(item, MessageItem):
        frames.append(Frame(f"visitor:{visitor}", item.type, item.for_visitor()))


def _of(workspace_id: int) -> _Gathered:
    buffer = _buffer.get()
    if buffer is None:
        raise RuntimeError("Announce inside announcing().")
    return buffer.setdefault(workspace_id, _Gathered())


def _flush(gathered: dict[int, _Gathered]) -> None:
    for workspace_id, changes in sorted(gathered.items()):
        publish(workspace_id, [*changes.items, *_row_frames(workspace_id, changes)])


def _row_frames(workspace_id: int, changes: _Gathered) -> list[Frame]:
    """Send each row to the streams whose listeners see the contact, and its removal to those who did."""
    people = {row.assignee for row in changes.rows.values() if row.assignee}
    people.update(*changes.gone.values())
    teams = _teams(workspace_id, people)
    frames: list[Frame] = []
    for contact_id, row in changes.rows.items():
        data = row.to_json()
        seeing = _streams(row.assignee, teams) if row.assignee else []
        frames += [Frame(stream, row.type, data) for stream in ["inbox", *seeing]]
        former = {stream for user in changes.gone.get(contact_id, ()) for stream in _streams(user, teams)}
        frames += [Frame(stream, "gone", {"contact": contact_id}) for stream in sorted(former - set(seeing))]
    return frames


def _streams(user_id: int, teams: dict[int, int]) -> list[str]:
    own = [f"inbox:user:{user_id}"]
    return [*own, f"inbox:team:{teams[user_id]}"] if user_id in teams else own


def _teams(workspace_id: int, user_ids: Collection[int]) -> dict[int, int]:
    """Return the team of each user who has one; no statement without users."""
    if not user_ids:
        return {}
    rows = Membership._base_manager.filter(  # noqa: SLF001 - the caller names the workspace
        workspace_id=workspace_id, user_id__in=user_ids, team__isnull=False
    )
    return dict(rows.values_list("user_id", "team_id"))
