"""Pages of the inbox and the JSON that keeps them up to date."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_GET

from contacts.models import Contact
from conversations.inbox.contexts import counting_pause, list_context, thread_context
from conversations.inbox.forms import ListView, cursor
from conversations.inbox.present import items_json
from conversations.selectors import (
    InboxCounts,
    contact_for,
    inbox_counts,
    inbox_page,
    inbox_row,
    thread_items,
)
from isflow.workspaces.access import Permission, visibility
from isflow.workspaces.guards import WorkspaceRequest, workspace_view
from isflow.workspaces.live import stream_numbers

PART_HEADER = "X-Inbox-Part"


@require_GET
@workspace_view(Permission.INBOX_VIEW)
def inbox(request: WorkspaceRequest) -> HttpResponse:
    """The list, with no conversation chosen."""
    return _private(render(request, "inbox/page.html", _list(request)))


@require_GET
@workspace_view(Permission.INBOX_VIEW)
def thread(request: WorkspaceRequest, contact_id: int) -> HttpResponse:
    """The list and one conversation; only the conversation where the page's script asks for it."""
    contact = find_contact(request, contact_id)
    shown = thread_context(request, contact, before=cursor(request.GET.get("before")))
    if request.headers.get(PART_HEADER) == "panel":
        return _private(render(request, "inbox/_panel.html", shown))
    if request.headers.get(PART_HEADER) == "conversation":
        view = list_view(request)
        return _private(
            render(request, "inbox/_conversation.html", {**shown, "list_url": _list_url(request, view)})
        )
    return _private(render(request, "inbox/page.html", {**_list(request), **shown}))


@require_GET
@workspace_view(Permission.INBOX_VIEW)
def rows(request: WorkspaceRequest) -> HttpResponse:
    """A page of the list as JSON."""
    view = list_view(request)
    page = inbox_page(
        request.membership,
        tab=view.tab,
        status=view.status,
        search=view.q,
        after=cursor(request.GET.get("cursor")),
    )
    counts = counts_json(inbox_counts(request.membership))
    found = {"rows": [row.to_json() for row in page.rows], "cursor": page.next_cursor, "counts": counts}
    return _private(JsonResponse(found))


@require_GET
@workspace_view(Permission.INBOX_VIEW)
def counts(request: WorkspaceRequest) -> HttpResponse:
    """The numbers on the tabs, and how long the page should wait before it asks for them again."""
    numbers = counts_json(inbox_counts(request.membership))
    return _private(JsonResponse({**numbers, "pause": counting_pause()}))


@require_GET
@workspace_view(Permission.INBOX_VIEW)
def items(request: WorkspaceRequest, contact_id: int) -> HttpResponse:
    """A page of the thread as JSON, with the contact's row and the stream's number read before it."""
    contact = find_contact(request, contact_id)
    stream = f"thread:{contact.pk}"
    number = stream_numbers([stream])[stream]
    page = thread_items(contact, before=cursor(request.GET.get("before")))
    found = {
        "items": items_json(page.items),
        "before": page.before,
        "row": inbox_row(contact).to_json(),
        "number": number,
    }
    return _private(JsonResponse(found))


def find_contact(request: WorkspaceRequest, contact_id: int) -> Contact:
    """Return a contact the member may see; for others it does not exist."""
    contact = contact_for(request.membership, contact_id)
    if contact is None:
        raise Http404
    return contact


def list_view(request: WorkspaceRequest) -> ListView:
    """Return how the list is filtered."""
    return ListView.of(request.GET, everything=visibility(request.membership).everything)


def counts_json(found: InboxCounts) -> dict[str, int]:
    """Return the numbers on the tabs as JSON."""
    return {"all": found.all, "mine": found.mine, "unassigned": found.unassigned, "unread": found.unread}


def wants_json(request: HttpRequest) -> bool:
    """Whether the page's script asks, rather than a plain form."""
    return request.accepts("application/json") and not request.accepts("text/html")


def _list(request: WorkspaceRequest) -> dict[str, Any]:
    return list_context(request, list_view(request), inbox_counts(request.membership))


def _list_url(request: WorkspaceRequest, view: ListView) -> str:
    return request.path.rsplit("/", 2)[0] + "/" + view.query()


def _private(response: HttpResponse) -> HttpResponse:
    """Keep the page out of every cache; its parts share its address."""
    patch_vary_headers(response, [PART_HEADER, "Cookie"])
    patch_cache_control(response, private=True, no_store=True)
    return response
