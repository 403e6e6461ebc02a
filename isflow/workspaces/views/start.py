"""Ways in: the start page, first set-up, choosing and creating a workspace."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth import login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from isflow.kernel.errors import Conflict
from isflow.workspaces.access import Permission
from isflow.workspaces.forms import SetupForm, WorkspaceCreateForm
from isflow.workspaces.guards import PersonRequest, WorkspaceRequest, login_view, public_view, workspace_view
from isflow.workspaces.models import Membership, Role
from isflow.workspaces.navigation import page_url
from isflow.workspaces.scope import all_workspaces
from isflow.workspaces.services.workspaces import (
    first_owner_create,
    is_set_up,
    may_create_workspaces,
    workspace_create,
)

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


@public_view("only sends people on to where they may go")
def home(request: HttpRequest) -> HttpResponse:
    """Send visitors to set-up or login, members to their inbox, members of several workspaces to a choice."""
    if not request.user.is_authenticated:
        return redirect("account_login" if is_set_up() else "setup")
    with all_workspaces():
        rows = Membership.objects.filter(user=request.user).select_related("workspace")
        memberships = list(rows.order_by("workspace__name"))
    if len(memberships) == 1:
        return redirect("workspace_home", slug=memberships[0].workspace.slug)
    owned = sum(membership.role == Role.OWNER for membership in memberships)
    may_create = may_create_workspaces(request.user, owned)
    return render(request, "workspaces/choose.html", {"memberships": memberships, "may_create": may_create})


@public_view("works only while there is nobody who could sign in")
@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest) -> HttpResponse:
    """Create the first owner and workspace; the page does not exist afterwards."""
    if is_set_up():
        raise Http404
    form = SetupForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user = first_owner_create(
                person=form.person(data["email"]),
                workspace_name=data["workspace_name"],
                timezone=data["timezone"],
            )
        except Conflict:
            raise Http404 from None
        login(request, user, backend=MODEL_BACKEND)
        messages.success(request, _("Welcome! Your workspace is ready."))
        return redirect("home")
    return render(request, "workspaces/setup.html", {"form": form})


@workspace_view(Permission.WORKSPACE_MEMBER)
def workspace_home(request: WorkspaceRequest) -> HttpResponse:
    """Open the inbox, or the notifications if no inbox is installed."""
    slug = request.workspace.slug
    return redirect(page_url("inbox", slug) or page_url("notification_list", slug))


@login_view
def workspace_new(request: PersonRequest) -> HttpResponse:
    """Create a further workspace; for owners and the operator."""
    with all_workspaces():
        owned = Membership.objects.filter(user=request.user, role=Role.OWNER).count()
    if not may_create_workspaces(request.user, owned):
        raise PermissionDenied
    form = WorkspaceCreateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = cast("dict[str, str]", form.cleaned_data)
        workspace = workspace_create(owner=request.user, name=data["name"], timezone=data["timezone"])
        return redirect("workspace_home", slug=workspace.slug)
    return render(request, "workspaces/new.html", {"form": form})
