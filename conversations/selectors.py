"""Reading for the inbox: who sees what, the list of conversations, the thread of a contact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet

from contacts.models import Contact
from conversations.items import InboxRow
from conversations.models import Conversation
from conversations.thread import ThreadPage, thread_items
from isflow.workspaces.access import visibility
from isflow.workspaces.models import Membership

__all__ = [
    "InboxCounts",
    "InboxPage",
    "ThreadPage",
    "contact_for",
    "contacts_visible",
    "inbox_counts",
    "inbox_page",
    "inbox_row",
    "may_see",
    "thread_items",
]

TABS: Final = ("all", "mine", "unassigned", "blocked")
PAGE: Final = 50
COUNT_CAP: Final = 1000
"""Counting stops here, so that a tab costs the same in a large workspace."""


@dataclass(frozen=True, slots=True)
class InboxPage:
    """Rows newest first, and where the next page begins; None after the last."""

    rows: tuple[InboxRow, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class InboxCounts:
    """Open conversations per tab, never more than COUNT_CAP."""

    all: int
    mine: int
    unassigned: int
    unread: int


def may_see(membership: Membership, contact: Contact) -> bool:
    """Say whether a member may see a contact at all; one or two statements for restricted members only."""
    seen = visibility(membership)
    if contact.workspace_id != membership.workspace_id:
        return False
    if seen.everything or (contact.assignee_id is not None and contact.assignee_id == seen.user_id):
        return True
    if seen.team_id is None or contact.assignee_id is None:
        return False
    return Membership.objects.filter(user_id=contact.assignee_id, team_id=seen.team_id).exists()


def contacts_visible(membership: Membership) -> Q:
    """Return the condition that limits contacts, or latest conversations, to those the member may see."""
    seen = visibility(membership)
    if seen.everything:
        return Q()
    own = Q(assignee_id=seen.user_id)
    if seen.team_id is None:
        return own
    team = Membership.objects.filter(team_id=seen.team_id).values("user_id")
    return own | Q(assignee_id__in=team)


def contact_for(membership: Membership, contact_id: int) -> Contact | None:
    """Return a contact the member may see, with assignee and channel; None otherwise."""
    rows = Contact.objects.select_related("assignee", "last_channel").filter(pk=contact_id)
    return rows.filter(contacts_visible(membership)).first()


def inbox_row(contact: Contact) -> InboxRow:
    """Return a contact's line of the list; one statement."""
    latest = Conversation.objects.select_related("channel").filter(contact=contact, is_latest=True).first()
    return InboxRow.of(contact, latest)


def inbox_page(  # noqa: PLR0913 - the filters of one list
    membership: Membership,
    *,
    tab: str = "all",
    status: str = "open",
    search: str = "",
    team_id: int | None = None,
    unread: bool = False,
    after: str | None = None,
    limit: int = PAGE,
) -> InboxPage:
    """Return a page of contacts by their latest activity; one statement, however many rows.

    ``status`` is open, closed or empty for both; ``search`` matches the beginning of names, phone and e-mail.
    """
    rows = _listed(membership, tab).select_related("contact", "contact__assignee", "channel")
    if status:
        rows = rows.filter(status=status)
    if unread:
        rows = rows.filter(unread_count__gt=0)
    if team_id is not None:
        members = Membership.objects.filter(team_id=team_id).values("user_id")
        rows = rows.filter(assignee_id__in=members)
    for word in search.split()[:5]:
        rows = rows.filter(_begins_with(word))
    if (start := _parse_cursor(after)) is not None:
        at, pk = start
        # The first condition says again what the second implies: it is where the index begins to read.
        rows = rows.filter(last_activity_at__lte=at).filter(Q(last_activity_at__lt=at) | Q(pk__lt=pk))
    order: tuple[str, ...] = ("-last_activity_at", "-pk")
    if tab == "unassigned":
        # Nobody is responsible for any of these rows; naming the column lets an index give them in order.
        order = ("assignee_id", *order)
    found = list(rows.order_by(*order)[: limit + 1])
    page = found[:limit]
    cursor = f"{page[-1].last_activity_at.isoformat()}|{page[-1].pk}" if len(found) > limit else None
    return InboxPage(tuple(InboxRow.of(row.contact, row) for row in page), cursor)


def inbox_counts(membership: Membership) -> InboxCounts:
    """Count the open conversations of each tab; four statements."""
    counts = {
        tab: _listed(membership, tab).filter(status="open")[:COUNT_CAP].count()
        for tab in ("all", "mine", "unassigned")
    }
    unread = _listed(membership, "all").filter(status="open", unread_count__gt=0)[:COUNT_CAP].count()
    return InboxCounts(**counts, unread=unread)


def _listed(membership: Membership, tab: str) -> QuerySet[Conversation]:
    """Latest conversations of a tab, limited to what the member may see."""
    rows = Conversation.objects.filter(contacts_visible(membership), is_latest=True)
    rows = rows.filter(contact__is_blocked=tab == "blocked")
    if tab == "mine":
        return rows.filter(assignee_id=membership.user_id)
    return rows.filter(assignee=None) if tab == "unassigned" else rows


def _begins_with(word: str) -> Q:
    return (
        Q(contact__first_name__istartswith=word)
        | Q(contact__last_name__istartswith=word)
        | Q(contact__phone__startswith=word)
        | Q(contact__phone__startswith=f"+{word}")
        | Q(contact__email__istartswith=word)
    )


def _parse_cursor(text: str | None) -> tuple[datetime, int] | None:
    """Read a cursor; anything else starts from the top."""
    at, _, pk = (text or "").partition("|")
    try:
        moment = datetime.fromisoformat(at)
        return (moment, int(pk)) if moment.tzinfo else None
    except ValueError:
        return None
