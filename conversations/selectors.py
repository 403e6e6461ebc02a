"""Reading for the inbox: who sees what, the list of conversations, the thread of a contact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

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
MAX_WORDS: Final = 5
FEW_CONTACTS: Final = 2000
"""So many contacts found by a search are named one by one."""


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
    """Return a page of contacts by their latest activity; one statement, a search one more.

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
    if search.split():
        rows = rows.filter(_named(search))
    if (start := _parse_cursor(after)) is not None:
        at, pk = start
        # The first condition says again what the second implies: it is where the index begins to read.
        rows = rows.filter(last_activity_at__lte=at).filter(Q(last_activity_at__lt=at) | Q(pk__lt=pk))
    found = list(rows.order_by(*_order(tab))[: limit + 1])
    page = found[:limit]
    cursor = f"{page[-1].last_activity_at.isoformat()}|{page[-1].pk}" if len(found) > limit else None
    return InboxPage(tuple(InboxRow.of(row.contact, row) for row in page), cursor)


def inbox_counts(membership: Membership) -> InboxCounts:
    """Count the open conversations of each tab; four statements.

    They are counted in the order of an index. Left to choose, a database that misjudges how many there are
    reads the whole table instead of the first thousand.
    """
    counts = {
        tab: _listed(membership, tab).filter(status="open").order_by(*_order(tab))[:COUNT_CAP].count()
        for tab in ("all", "mine", "unassigned")
    }
    unread = _listed(membership, "all").filter(status="open", unread_count__gt=0)
    return InboxCounts(**counts, unread=unread.order_by("assignee_id", "contact_id")[:COUNT_CAP].count())


def _listed(membership: Membership, tab: str) -> QuerySet[Conversation]:
    """Latest conversations of a tab, limited to what the member may see."""
    rows = Conversation.objects.filter(contacts_visible(membership), is_latest=True)
    # Few are blocked: looking each contact up among them is cheaper than reading the contact.
    blocked = Exists(Contact.objects.filter(pk=OuterRef("contact_id"), is_blocked=True))
    rows = rows.filter(blocked if tab == "blocked" else ~blocked)
    if tab == "mine":
        return rows.filter(assignee_id=membership.user_id)
    return rows.filter(assignee=None) if tab == "unassigned" else rows


def _order(tab: str) -> tuple[str, ...]:
    """Newest first. Nobody has the unassigned ones; naming the column lets an index give them in order."""
    newest = ("-last_activity_at", "-pk")
    return ("assignee_id", *newest) if tab == "unassigned" else newest


def _named(search: str) -> Q:
    """Return the condition that every word begins a name, a phone number or an e-mail address; one statement.

    Few contacts are named by their ids, so that their conversations are looked up. Where there are many the
    list is read from its top, and each of its contacts is compared, until the page is full.
    """
    of_contact = reduce(and_, (_begins_with(word, "") for word in search.split()[:MAX_WORDS]))
    found = list(Contact.objects.filter(of_contact).values_list("pk", flat=True)[: FEW_CONTACTS + 1])
    if len(found) <= FEW_CONTACTS:
        return Q(contact_id__in=found)
    return reduce(and_, (_begins_with(word, "contact__") for word in search.split()[:MAX_WORDS]))


def _begins_with(word: str, prefix: str) -> Q:
    return (
        Q(**{f"{prefix}first_name__istartswith": word})
        | Q(**{f"{prefix}last_name__istartswith": word})
        | Q(**{f"{prefix}phone__startswith": word})
        | Q(**{f"{prefix}phone__startswith": f"+{word}"})
        | Q(**{f"{prefix}email__istartswith": word})
    )


def _parse_cursor(text: str | None) -> tuple[datetime, int] | None:
    """Read a cursor; anything else starts from the top."""
    at, _, pk = (text or "").partition("|")
    try:
        moment = datetime.fromisoformat(at)
        return (moment, int(pk)) if moment.tzinfo else None
    except ValueError:
        return None
