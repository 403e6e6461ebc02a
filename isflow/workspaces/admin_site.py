"""The admin site: open to Owners and Managers for one workspace at a time, and to the operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import SimpleTemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.dataclasses import DropdownItem
from unfold.sites import UnfoldAdminSite

from isflow.kernel.actor import acting_as
from isflow.workspaces.access import Permission, allowed
from isflow.workspaces.guards import SESSION_KEY, actor_of
from isflow.workspaces.models import Membership, User
from isflow.workspaces.navigation import page_url
from isflow.workspaces.scope import all_workspaces, workspace_scope

ENTRY = (Permission.SETTINGS_VIEW, Permission.WORKFLOWS_VIEW)
"""Who holds one of these may enter; each page asks for more."""


class IsflowAdminSite(UnfoldAdminSite):
    """Every page runs as the user and inside the scope of the session's workspace.

    ``request.membership`` is the member's place there, or None for an operator who is no member anywhere.
    """

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in active operators, and members who manage the session's workspace."""
        user = request.user
        return user.is_active and (user.is_superuser or membership_of(request) is not None)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:  # noqa: FBT001, FBT002
        """Wrap a page so that it, and its lazily rendered template, runs inside the scope."""
        inner = super().admin_view(view, cacheable)
        is_system = getattr(getattr(view, "__self__", None), "serves_all_workspaces", False)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with _entered(request, is_system=is_system):
                response: HttpResponseBase = inner(request, *args, **kwargs)
                if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
                    return response.render()
                return response

        return guarded

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """Use the one login page, which asks for the second factor."""
        if not request.user.is_authenticated:
            return redirect_to_login(request.GET.get("next", reverse("admin:index")))
        if self.has_permission(request):
            return redirect("admin:index")
        raise PermissionDenied

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """Use the one logout page."""
        return redirect("account_logout")

    def password_change(
        self,
        request: HttpRequest,  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Use the one page for it."""
        return redirect("account_change_password")

    def extra_urls(self) -> list[URLPattern]:
        """Add the switch between workspaces."""
        return [path("switch/<slug:slug>/", self.admin_view(self.switch), name="switch_workspace")]

    def switch(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Show another workspace's rows from now on; a link on a foreign site cannot do that."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            raise PermissionDenied
        chosen = next((item for item in manageable(request) if item.workspace.slug == slug), None)
        if chosen is None:
            raise Http404
        request.session[SESSION_KEY] = chosen.workspace_id
        return redirect("admin:index")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Name the workspace and offer the others."""
        context: dict[str, Any] = super().each_context(request)
        membership = membership_of(request) if request.user.is_authenticated else None
        if membership is not None:
            workspace = membership.workspace
            context["site_header"] = workspace.name
            context["site_subheader"] = membership.get_role_display()
            context["site_url"] = page_url("workspace_home", workspace.slug)
            context["site_dropdown"] = [_choice(item) for item in manageable(request)]
        return context


def membership_of(request: HttpRequest) -> Membership | None:
    """Return the member's place in the session's workspace, or the first they manage; kept on the request."""
    if not hasattr(request, "membership"):
        choices = manageable(request)
        wanted = request.session.get(SESSION_KEY)
        found = next(
            (item for item in choices if item.workspace_id == wanted), choices[0] if choices else None
        )
        request.membership = found  # type: ignore[attr-defined]
        if found is not None:
            request.workspace = found.workspace  # type: ignore[attr-defined]
    member: Membership | None = request.membership  # type: ignore[attr-defined]
    return member


def manageable(request: HttpRequest) -> list[Membership]:
    """Return the places whose admin pages this person may enter, by name of the workspace."""
    if not isinstance(request.user, User):
        return []
    with all_workspaces():
        rows = Membership.objects.filter(user=request.user).select_related("workspace", "user", "team")
        rows = rows.order_by("workspace__name", "pk")
        return [item for item in rows if any(allowed(item, permission) for permission in ENTRY)]


@contextmanager
def _entered(request: HttpRequest, *, is_system: bool) -> Iterator[None]:
    """Enter the scope and act as the user; pages of the system see all workspaces, for the operator only."""
    with ExitStack() as stack:
        if isinstance(request.user, User):
            membership = membership_of(request)
            stack.enter_context(acting_as(actor_of(request.user)))
            if membership is not None:
                stack.enter_context(timezone.override(membership.workspace.zone))
            if is_system and request.user.is_superuser:
                stack.enter_context(all_workspaces())
            elif membership is not None:
                stack.enter_context(workspace_scope(membership.workspace_id))
        yield


def _choice(membership: Membership) -> DropdownItem:
    workspace = membership.workspace
    return DropdownItem(
        title=workspace.name,
        link=reverse("admin:switch_workspace", kwargs={"slug": workspace.slug}),
        icon="apartment",
        attrs={},
    )
