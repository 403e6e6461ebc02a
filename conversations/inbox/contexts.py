"""What the pages of the inbox show, gathered for their templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from contacts.models import Contact, ContactIdentity
from contacts.selectors import field_specs, tag_names
from conversations.inbox.forms import ListView
from conversations.inbox.present import ItemView, row_view, thread_views
from conversations.inbox.replies import identities_of
from conversations.inbox.words import channel_icons, script_words, visitor_name
from conversations.models import ClosingCategory, Conversation
from conversations.selectors import InboxCounts, inbox_page, inbox_row, thread_items
from isflow.kernel.ids import new_token
from isflow.kernel.values import Scalar
from isflow.workspaces.access import Permission, allowed, inbox_stream, visibility
from isflow.workspaces.guards import WorkspaceRequest
from isflow.workspaces.live import stream_numbers
from isflow.workspaces.models import Membership, Workspace
from isflow.workspaces.socket_limits import sockets

EDITABLE: Final = {
    "firstname": (gettext_lazy("First name"), "text"),
    "lastname": (gettext_lazy("Last name"), "text"),
    "email": (gettext_lazy("E-mail"), "email"),
    "phone": (gettext_lazy("Phone"), "tel"),
}
"""Fields of the contact panel: label and kind of input."""
ROWS_TO_SHOW: Final = 50
COUNTS_PER_SECOND: Final = 30
"""How often the open pages of one process may ask for the numbers on the tabs, all together."""


@dataclass(frozen=True, slots=True)
class Address:
    """A channel by which the contact can be reached."""

    pk: int
    name: str
    icon: str
    last_incoming_at: datetime | None

    @classmethod
    def of(cls, identity: ContactIdentity) -> Address:
        """Describe an identity; its channel should be loaded."""
        channel = identity.channel
        icon = channel_icons().get(channel.kind, "channel")
        return cls(identity.pk, channel.name, icon, identity.last_incoming_at)


@dataclass(frozen=True, slots=True)
class Closing:
    """How the workspace wants conversations closed."""

    offered: bool
    required: bool
    category_required: bool
    summary_required: bool
    categories: tuple[ClosingCategory, ...] = ()

    @classmethod
    def of(cls, workspace: Workspace) -> Closing:
        """Read the workspace's setting; categories are read only where a note is offered."""
        modes = Workspace.ClosingNotes
        mode = workspace.closing_notes
        offered = mode != modes.DISABLED
        return cls(
            offered=offered,
            required=mode in {modes.CATEGORY, modes.BOTH},
            category_required=mode in {modes.CATEGORY, modes.BOTH},
            summary_required=mode == modes.BOTH,
            categories=tuple(ClosingCategory.objects.order_by("name")) if offered else (),
        )


def list_context(request: WorkspaceRequest, view: ListView, counts: InboxCounts) -> dict[str, Any]:
    """Gather the list of conversations: tabs, rows, what to say where there is none."""
    # The stream's number is read before the rows: a frame in between is then applied twice, never missed.
    stream = inbox_stream(request.membership)
    number = stream_numbers([stream])[stream]
    page = inbox_page(request.membership, tab=view.tab, status=view.status, search=view.q, limit=ROWS_TO_SHOW)
    base = reverse("inbox", kwargs={"slug": request.workspace.slug})
    return {
        "rows": [row_view(row) for row in page.rows],
        "cursor": page.next_cursor,
        "more_url": base + view.query(cursor=page.next_cursor or ""),
        "list_url": base + view.query(),
        "query": view.query(),
        "view": view,
        "counts": counts,
        "tabs": _tabs(request, base, view, counts),
        "statuses": _statuses(base, view),
        "empty": _empty(request, base, view),
        "no_messages": _("No messages yet"),
        "config": script_config(request, base, view, number),
    }


def counting_pause() -> float:
    """Return how many seconds a page waits before it counts again after a change.

    A change reaches all pages at once; if all of them counted at once, nobody would be served for a while.
    """
    return sockets.total / COUNTS_PER_SECOND


def script_config(request: WorkspaceRequest, base: str, view: ListView, number: int) -> dict[str, Any]:
    """Return what the page's script needs to know."""
    return {
        "url": base,
        "workspace": request.workspace.slug,
        "me": {"id": request.user.pk, "name": request.user.name},
        "view": {"tab": view.tab, "status": view.status, "q": view.q, "me": request.user.pk},
        "number": number,
        "pause": counting_pause(),
        "language": get_language() or "en",
        "title": _("Inbox"),
        "words": script_words(),
    }


def thread_context(
    request: WorkspaceRequest, contact: Contact, *, before: str | None = None
) -> dict[str, Any]:
    """Gather one conversation: items, header, composer, contact panel."""
    slug, stream = request.workspace.slug, f"thread:{contact.pk}"
    number = stream_numbers([stream])[stream]
    row = inbox_row(contact)
    page = thread_items(contact, before=before)
    name = visitor_name(contact.name)
    views: list[ItemView] = thread_views(page.items, contact_name=name, zone=request.workspace.zone)
    member = request.membership
    addresses = [Address.of(identity) for identity in identities_of(contact)]
    return {
        "thread": {
            "contact": contact,
            "name": name,
            "assignee_name": row.assignee_name,
            "items": views,
            "before": page.before,
            "number": number,
            "unread": row.unread,
            "status": row.status,
            "status_label": Conversation.Status(row.status).label if row.status else _("No conversation"),
            "channel_name": row.channel_name,
            "identities": addresses,
            "url": reverse("inbox_thread", kwargs={"slug": slug, "contact_id": contact.pk}),
            "new_key": new_token(12),
        },
        "selected": contact.pk,
        "members": members_of_workspace(),
        "closing": Closing.of(request.workspace),
        "may": {
            "reply": allowed(member, Permission.INBOX_REPLY),
            "edit": allowed(member, Permission.CONTACTS_EDIT),
            "workflows": allowed(member, Permission.WORKFLOWS_STOP_FOR_CONTACT),
        },
        "panel": panel_of(contact, addresses),
    }


def members_of_workspace() -> list[Membership]:
    """Return whom contacts can be assigned to, by name."""
    rows = Membership.objects.filter(user__is_active=True).select_related("user")
    return sorted(rows, key=lambda member: member.user.name.casefold())


def panel_of(contact: Contact, addresses: Sequence[Address]) -> dict[str, Any]:
    """Gather the contact panel."""
    specs = field_specs()
    return {
        "fields": [
            {
                "key": key,
                "label": label,
                "input": kind,
                "value": contact.field_value(key) or "",
            }
            for key, (label, kind) in EDITABLE.items()
        ],
        "custom": [
            {"label": specs[key].label, "value": _shown(value)}
            for key, value in contact.custom.items()
            if key in specs and value not in (None, "")
        ],
        "tags": tag_names([contact.pk])[contact.pk],
        "identities": addresses,
        "earlier": Conversation.objects.filter(contact=contact, is_latest=False).count(),
    }


def _shown(value: Scalar) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return str(value)


def _tabs(request: WorkspaceRequest, base: str, view: ListView, counts: InboxCounts) -> list[dict[str, Any]]:
    everything = visibility(request.membership).everything
    labels = {
        "all": _("All") if everything else _("Visible"),
        "mine": _("Mine"),
        "unassigned": _("Unassigned"),
    }
    shown = labels if everything else {key: labels[key] for key in ("mine", "all")}
    return [
        {
            "key": key,
            "label": label,
            "count": getattr(counts, key),
            "url": base + view.query(tab=key),
            "current": key == view.tab,
        }
        for key, label in shown.items()
    ]


def _statuses(base: str, view: ListView) -> list[dict[str, Any]]:
    labels = {"open": _("Open"), "closed": _("Closed")}
    return [
        {"label": label, "url": base + view.query(status=key), "current": key == view.status}
        for key, label in labels.items()
    ]


def _empty(request: WorkspaceRequest, base: str, view: ListView) -> dict[str, str]:
    """Say why the list is empty and what to do next."""
    if view.q:
        found = {
            "icon": "search",
            "title": _("Nobody found"),
            "text": _("Names, e-mail addresses and phone numbers are compared from their beginning."),
        }
        return {**found, "url": base + view.query(q=""), "action": _("Clear the search")}
    if view.status == "closed":
        return {
            "icon": "archive",
            "title": _("Nothing closed here"),
            "text": _("Closed conversations are kept here."),
        }
    if view.tab == "mine":
        found = {"icon": "circle-check", "title": _("All done"), "text": _("Nothing is assigned to you.")}
        if visibility(request.membership).everything:
            return {**found, "url": base + view.query(tab="unassigned"), "action": _("See unassigned")}
        return found
    if view.tab == "unassigned":
        return {
            "icon": "circle-check",
            "title": _("All taken care of"),
            "text": _("Every open conversation has somebody responsible."),
        }
    return {
        "icon": "inbox",
        "title": _("No open conversations"),
        "text": _("As soon as somebody writes on one of your channels, it appears here."),
    }
