"""Items and rows dressed for the first page; the page's script dresses later ones the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from conversations.inbox.words import channel_icons, line_text, sender_text, status_names, visitor_name
from conversations.items import CommentItem, InboxRow, LineItem, ThreadItem

MAX_UNREAD: Final = 99


@dataclass(frozen=True, slots=True)
class RowView:
    """A conversation in the list."""

    row: InboxRow
    name: str
    unread: str
    at_iso: str
    icon: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """A line of the thread; ``turn`` where another one begins to speak."""

    item: ThreadItem
    key: str
    rank: int
    at_iso: str
    who: str
    text: str
    sender: str
    status: str = ""
    turn: bool = True
    automatic: bool = False
    day: str = ""


def row_view(row: InboxRow) -> RowView:
    """Dress a row of the list."""
    return RowView(
        row=row,
        name=visitor_name(row.name),
        unread=f"{MAX_UNREAD}+" if row.unread > MAX_UNREAD else str(row.unread),
        at_iso=row.at.isoformat() if row.at else "",
        icon=channel_icons().get(row.channel, "channel"),
    )


def item_key(item: ThreadItem) -> str:
    """Return the name under which an item is on screen at most once."""
    return f"line-{item.event}-{item.id}" if isinstance(item, LineItem) else f"{item.type}-{item.id}"


def thread_views(items: Sequence[ThreadItem], *, contact_name: str, zone: tzinfo) -> list[ItemView]:
    """Dress a page of the thread: who speaks anew, where a day begins."""
    views: list[ItemView] = []
    last_who, last_day = "", ""
    for item in items:
        day = _day(item.at, zone)
        new_day = day != last_day
        who = _who(item)
        views.append(
            _item_view(item, contact_name, who, turn=new_day or who != last_who, day=day if new_day else "")
        )
        last_who, last_day = who, day
    return views


def items_json(items: Iterable[ThreadItem]) -> list[dict[str, Any]]:
    """Return items as the script takes them."""
    return [item.to_json() for item in items]


def _item_view(item: ThreadItem, contact_name: str, who: str, *, turn: bool, day: str) -> ItemView:
    common: dict[str, Any] = {
        "item": item,
        "key": item_key(item),
        "rank": item.rank,
        "at_iso": item.at.isoformat(),
        "who": who,
    }
    if isinstance(item, LineItem):
        return ItemView(**common, text=line_text(item), sender="", turn=turn, day=day)
    if isinstance(item, CommentItem):
        return ItemView(**common, text=item.text, sender=item.author, turn=turn, day=day)
    incoming = item.direction == "in"
    return ItemView(
        **common,
        text=item.text,
        sender=contact_name if incoming else sender_text(item),
        status="" if incoming else status_names().get(item.status, ""),
        turn=turn,
        automatic=not incoming and item.source != "user",
        day=day,
    )


def _who(item: ThreadItem) -> str:
    if isinstance(item, LineItem):
        return "line"
    if isinstance(item, CommentItem):
        return f"comment:{item.author}"
    return "contact" if item.direction == "in" else f"{item.source}:{item.sender}"


def _day(at: datetime, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d")
