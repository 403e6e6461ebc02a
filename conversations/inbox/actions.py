"""What a member does with a conversation: each action is a POST; scripts get JSON, forms a redirect."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from contacts.models import Contact
from contacts.services import contact_update
from conversations.changes import AddComment, AssignContact, CloseConversation, OpenConversation
from conversations.inbox.contexts import EDITABLE, Closing
from conversations.inbox.forms import message_key, message_text, number
from conversations.inbox.replies import reply_send
from conversations.inbox.views import find_contact, wants_json
from conversations.inbox.words import visitor_name
from conversations.items import CommentItem, MessageItem
from conversations.models import ClosingCategory
from conversations.selectors import contact_for, inbox_row
from conversations.services import (
    comments_add,
    contacts_assign,
    conversation_mark_read,
    conversations_close,
    conversations_open,
)
from isflow.kernel.errors import DomainError, Forbidden, Rejected
from isflow.workspaces.access import Permission
from isflow.workspaces.guards import WorkspaceRequest, workspace_view
from isflow.workspaces.models import Membership

MAX_SUMMARY: Final = 2000

P = ParamSpec("P")
Action = Callable[Concatenate[WorkspaceRequest, Contact, P], dict[str, Any]]


def action(permission: Permission) -> Callable[[Action[[]]], Callable[..., HttpResponseBase]]:
    """Make a POST view of a function that does something with a contact and says what to answer."""

    def decorate(do: Action[[]]) -> Callable[..., HttpResponseBase]:
        @wraps(do)
        def view(request: WorkspaceRequest, contact_id: int) -> HttpResponse:
            contact = find_contact(request, contact_id)
            try:
                done = do(request, contact)
            except DomainError as error:
                return _refused(request, contact, error)
            return JsonResponse(done) if wants_json(request) else _back(request, contact)

        return require_http_methods(["POST"])(workspace_view(permission)(view))

    return decorate


@action(Permission.INBOX_REPLY)
def send(request: WorkspaceRequest, contact: Contact) -> dict[str, Any]:
    """Send a reply or put a comment on the contact."""
    text = message_text(request.POST)
    if request.POST.get("mode") == "comment":
        [comment] = comments_add([AddComment(contact.pk, text, timezone.now())])
        return {"item": CommentItem.of(comment).to_json()}
    key = message_key(request.POST, workspace_id=request.workspace.pk, user_id=request.user.pk)
    message = reply_send(
        contact=contact, text=text, key=key, identity_id=number(request.POST.get("identity"))
    )
    return {"item": MessageItem.of(message).to_json()}


@action(Permission.INBOX_ASSIGN)
def assign(request: WorkspaceRequest, contact: Contact) -> dict[str, Any]:
    """Make a member responsible, or nobody."""
    wanted = request.POST.get("user", "")
    user_id = number(wanted)
    members = Membership.objects.filter(user__is_active=True)
    if wanted and (user_id is None or not members.filter(user_id=user_id).exists()):
        raise Rejected(_("There is no such member."))
    contacts_assign([AssignContact(contact.pk, user_id, timezone.now())])
    return _row(request, contact)


@action(Permission.INBOX_CLOSE)
def open_again(request: WorkspaceRequest, contact: Contact) -> dict[str, Any]:
    """Open a conversation."""
    conversations_open([OpenConversation(contact.pk, timezone.now())])
    return _row(request, contact)


@action(Permission.INBOX_VIEW)
def read(_request: WorkspaceRequest, contact: Contact) -> dict[str, Any]:
    """Say that the latest messages have been seen."""
    return {"changed": conversation_mark_read(contact_id=contact.pk)}


@action(Permission.CONTACTS_EDIT)
def edit(request: WorkspaceRequest, contact: Contact) -> dict[str, Any]:
    """Change names, e-mail address and phone number, as far as they are given."""
    values = {key: request.POST[key].replace("\x00", "").strip() for key in EDITABLE if key in request.POST}
    changed = {key: value for key, value in values.items() if value != str(contact.field_value(key) or "")}
    fresh = contact_update(contact=contact, values=changed) if changed else contact
    shown = {key: fresh.field_value(key) or "" for key in EDITABLE}
    return {"values": shown, "name": visitor_name(fresh.name)}


@require_http_methods(["GET", "POST"])
@workspace_view(Permission.INBOX_CLOSE)
def close(request: WorkspaceRequest, contact_id: int) -> HttpResponse:
    """Close with the note the workspace asks for; GET shows the form of those without scripts."""
    contact = find_contact(request, contact_id)
    closing = Closing.of(request.workspace)
    if request.method == "GET":
        return _closing_page(request, contact, closing, "")
    try:
        _close(request, contact, closing)
    except DomainError as error:
        if wants_json(request):
            return _refused(request, contact, error)
        return _closing_page(request, contact, closing, error.message)
    return JsonResponse(_row(request, contact)) if wants_json(request) else _back(request, contact)


def _close(request: WorkspaceRequest, contact: Contact, closing: Closing) -> None:
    summary = request.POST.get("summary", "").replace("\x00", "").strip()[:MAX_SUMMARY]
    category = number(request.POST.get("category"))
    if category is not None and not ClosingCategory.objects.filter(pk=category).exists():
        raise Rejected(_("This category no longer exists."))
    if closing.category_required and category is None:
        raise Rejected(_("Choose a category."))
    if closing.summary_required and not summary:
        raise Rejected(_("Write a summary."))
    if not closing.offered:
        category, summary = None, ""
    conversations_close([CloseConversation(contact.pk, timezone.now(), category, summary)])


def _closing_page(request: WorkspaceRequest, contact: Contact, closing: Closing, error: str) -> HttpResponse:
    posted = {"category": number(request.POST.get("category")), "summary": request.POST.get("summary", "")}
    context = {
        "closing": closing,
        "error": error,
        "posted": posted,
        "name": visitor_name(contact.name),
        "thread_url": _thread_url(request, contact),
    }
    return render(request, "inbox/close.html", context, status=400 if error else 200)


def _row(request: WorkspaceRequest, contact: Contact) -> dict[str, Any]:
    """Return the contact's row as it is now; none if the member has just lost sight of it."""
    fresh = contact_for(request.membership, contact.pk)
    return {"row": inbox_row(fresh).to_json() if fresh else None}


def _refused(request: WorkspaceRequest, contact: Contact, error: DomainError) -> HttpResponse:
    status = 403 if isinstance(error, Forbidden) else 400 if isinstance(error, Rejected) else 409
    if wants_json(request):
        return JsonResponse({"message": error.message}, status=status)
    messages.error(request, error.message)
    return _back(request, contact)


def _back(request: WorkspaceRequest, contact: Contact) -> HttpResponse:
    """Return to the thread, or to the list if the contact is out of sight now."""
    if contact_for(request.membership, contact.pk) is None:
        return HttpResponseRedirect(reverse("inbox", kwargs={"slug": request.workspace.slug}))
    return HttpResponseRedirect(_thread_url(request, contact))


def _thread_url(request: WorkspaceRequest, contact: Contact) -> str:
    return reverse("inbox_thread", kwargs={"slug": request.workspace.slug, "contact_id": contact.pk})
