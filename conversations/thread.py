"""The thread of a contact: messages, notes, openings, closings and assignments in one order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Model, Q, QuerySet

from contacts.models import Contact
from conversations.items import CommentItem, LineItem, MessageItem, ThreadItem
from conversations.models import Assignment, Comment, Conversation, Message, ThreadLine

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """Items oldest first, and the cursor of what came before them; None at the beginning of the thread."""

    items: tuple[ThreadItem, ...]
    before: str | None


@dataclass(frozen=True, slots=True)
class _Kind:
    """One sort of row in the thread: where it lies, its time, and its order within an instant."""

    rows: Callable[[Contact], QuerySet[Any]]
    time: str
    rank: int
    item: Callable[[Any], ThreadItem]


def thread_items(contact: Contact, *, before: str | None = None, limit: int = PAGE) -> ThreadPage:
    """Return the newest items before a cursor; six statements, however many there are."""
    cursor = _parse_cursor(before)
    found: list[ThreadItem] = []
    for kind in _KINDS:
        rows = kind.rows(contact)
        if cursor is not None:
            rows = rows.filter(_earlier(kind, *cursor))
        newest = rows.order_by(f"-{kind.time}", "-pk")[: limit + 1]
        found += [kind.item(row) for row in newest]
    found.sort(key=_key)
    page = found[-limit:]
    more = len(found) > limit
    return ThreadPage(tuple(page), _cursor(page[0]) if more else None)


def _key(item: ThreadItem) -> tuple[datetime, int, int]:
    return item.at, item.rank, item.id


def _cursor(item: ThreadItem) -> str:
    return f"{item.at.isoformat()}|{item.rank}|{item.id}"


def _parse_cursor(text: str | None) -> tuple[datetime, int, int] | None:
    """Read a cursor; anything else starts from the newest."""
    try:
        at, rank, pk = (text or "").split("|")
        moment = datetime.fromisoformat(at)
        return (moment, int(rank), int(pk)) if moment.tzinfo else None
    except ValueError:
        return None


def _earlier(kind: _Kind, at: datetime, rank: int, pk: int) -> Q:
    before = Q(**{f"{kind.time}__lt": at})
    until = Q(**{f"{kind.time}__lte": at})
    if kind.rank < rank:
        return until
    # ``until`` is where the index begins to read.
    return until & (before | Q(pk__lt=pk)) if kind.rank == rank else before


def _of(model: type[Model], *related: str, **conditions: Any) -> Callable[[Contact], QuerySet[Any]]:
    def rows(contact: Contact) -> QuerySet[Any]:
        found: QuerySet[Any] = model._default_manager.filter(contact=contact, **conditions)  # noqa: SLF001
        return found.select_related(*related) if related else found

    return rows


def _assigned(row: Assignment) -> LineItem:
    return LineItem.assigned(row, row.user.name if row.user else "")


_KINDS: Final = (
    _Kind(_of(Conversation), "opened_at", 0, LineItem.opened),
    _Kind(_of(Assignment, "user"), "at", 1, _assigned),
    _Kind(_of(Message), "created_at", 2, MessageItem.of),
    _Kind(_of(Comment), "created_at", 3, CommentItem.of),
    _Kind(_of(Conversation, closed_at__isnull=False), "closed_at", 4, LineItem.closed),
    _Kind(_of(ThreadLine), "at", 5, LineItem.told),
)
