"""Pages about oneself: profile, presence, notifications."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from isflow.kernel.errors import Rejected
from isflow.workspaces.access import Permission
from isflow.workspaces.forms import NotificationForm, ProfileForm
from isflow.workspaces.guards import PersonRequest, WorkspaceRequest, login_view, workspace_view
from isflow.workspaces.models import Membership, Notification
from isflow.workspaces.notifications import notifications_mark_read
from isflow.workspaces.presence import presence_choose
from isflow.workspaces.scope import all_workspaces

PAGE_SIZE = 50

_member_page = workspace_view(Permission.WORKSPACE_MEMBER)


@login_view
def profile(request: PersonRequest) -> HttpResponse:
    """Show and change the own name; links to password, two-factor login and notification settings."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your profile is saved."))
        return redirect("profile")
    with all_workspaces():
        rows = Membership.objects.filter(user=request.user).select_related("workspace", "team")
        memberships = list(rows.order_by("workspace__name"))
    return render(request, "workspaces/profile.html", {"form": form, "memberships": memberships})


@_member_page
def notification_settings(request: WorkspaceRequest) -> HttpResponse:
    """Choose what to be told of in this workspace."""
    member = request.membership
    form = NotificationForm(request.POST or None, member=member)
    if request.method == "POST" and form.is_valid():
        member.notification_settings = form.settings()
        member.save(update_fields=["notification_settings"])
        messages.success(request, _("Your notification settings are saved."))
        return redirect("notification_settings", slug=request.workspace.slug)
    return render(request, "workspaces/notification_settings.html", {"form": form})


@_member_page
@require_POST
def presence_set(request: WorkspaceRequest) -> HttpResponse:
    """Go online or busy."""
    try:
        presence_choose(membership=request.membership, presence=request.POST.get("presence", ""))
    except Rejected as error:
        return HttpResponse(error.message, status=400)
    target = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return redirect(target)
    return redirect("workspace_home", slug=request.workspace.slug)


@_member_page
@require_GET
def notification_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the newest notifications, older ones from ``?before=<id>`` on."""
    rows = Notification.objects.filter(user=request.user).order_by("-pk")
    before = request.GET.get("before", "")
    if before.isdecimal():
        rows = rows.filter(pk__lt=int(before[:18]))
    page = list(rows[: PAGE_SIZE + 1])
    context = {"notifications": page[:PAGE_SIZE], "has_more": len(page) > PAGE_SIZE}
    return render(request, "workspaces/notifications.html", context)


@_member_page
@require_GET
def notification_unread(request: WorkspaceRequest) -> HttpResponse:
    """Answer how many are unread, for the bell."""
    return JsonResponse({"unread": Notification.objects.filter(user=request.user, read_at=None).count()})


@_member_page
@require_POST
def notification_open(request: WorkspaceRequest, notification_id: int) -> HttpResponse:
    """Mark one as read and go where it points."""
    row = get_object_or_404(Notification, pk=notification_id, user=request.user)
    notifications_mark_read(membership=request.membership, notification_id=row.pk)
    if url_has_allowed_host_and_scheme(row.url, allowed_hosts={request.get_host()}):
        return redirect(row.url)
    return redirect("notification_list", slug=request.workspace.slug)


@_member_page
@require_POST
def notification_read_all(request: WorkspaceRequest) -> HttpResponse:
    """Mark all as read."""
    notifications_mark_read(membership=request.membership)
    return redirect("notification_list", slug=request.workspace.slug)
