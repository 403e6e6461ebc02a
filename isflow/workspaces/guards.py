"""Decorators that say who may open a view. A view without one fails the system check at start."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.template.response import SimpleTemplateResponse

from isflow.kernel.actor import Actor, acting_as
from isflow.workspaces.access import Permission, allowed
from isflow.workspaces.models import Membership, User, Workspace
from isflow.workspaces.presence import presence_touch
from isflow.workspaces.scope import all_workspaces, workspace_scope

SESSION_KEY: Final = "isflow_workspace"
"""Under this name the session keeps the workspace that the admin pages show."""

P = ParamSpec("P")
T = TypeVar("T")


class PersonRequest(HttpRequest):
    """The request of somebody signed in."""

    user: User


class WorkspaceRequest(PersonRequest):
    """The request of a member, made in a workspace."""

    workspace: Workspace
    membership: Membership


class View(Protocol):
    """What a guard returns: a view for the URLconf."""

    declared_access: str

    def __call__(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase: ...


def workspace_view(
    permission: Permission,
) -> Callable[[Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]], View]:
    """Open a view below ``/w/<slug>/`` to members who hold the permission; for strangers it does not exist.

    The slug is taken out of the arguments. The view runs inside the workspace's scope, as the user, with
    ``request.workspace`` and ``request.membership`` set. A streamed response must enter the scope itself.
    """

    def decorate(view: Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            slug = str(kwargs.pop("slug"))
            if not request.user.is_authenticated:
                return login_redirect(request)
            membership = find_membership(user=request.user, slug=slug)
            if membership is None:
                raise Http404
            member_request = cast("WorkspaceRequest", request)
            member_request.workspace = membership.workspace
            member_request.membership = membership
            if not allowed(membership, permission):
                raise PermissionDenied
            with workspace_scope(membership.workspace_id), acting_as(actor_of(request.user)):
                _note_visit(member_request)
                return _finished(view(member_request, *args, **kwargs))

        return declare(guarded, f"workspace: {permission}")

    return decorate


def login_view(view: Callable[Concatenate[PersonRequest, P], HttpResponseBase]) -> View:
    """Open a view to everybody signed in; it runs as the user, outside any workspace."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return login_redirect(request)
        with acting_as(actor_of(request.user)):
            return _finished(view(cast("PersonRequest", request), *args, **kwargs))

    return declare(guarded, "login")


def public_view(reason: str) -> Callable[[T], T]:
    """Open a view (or a class of views) to everybody, saying why that is safe."""

    def decorate(view: T) -> T:
        return declare_access(view, f"public: {reason}")

    return decorate


def declare_access(view: T, access: str) -> T:
    """Put on record how a view or consumer guards itself; for those that the decorators do not fit."""
    setattr(view, "declared_access", access)  # noqa: B010 - functions have no such attribute for mypy
    return view


def declare(view: Callable[..., HttpResponseBase], access: str) -> View:
    """Put on record what a wrapped view asks for."""
    return cast("View", declare_access(view, access))


def actor_of(user: User) -> Actor:
    """Return the actor to whom a person's changes are attributed."""
    return Actor(source="user", user_id=user.pk, name=user.name)


def find_membership(*, user: User, slug: str) -> Membership | None:
    """Return a person's membership of the workspace with this address, or None."""
    with all_workspaces():
        rows = Membership.objects.select_related("workspace", "user", "team")
        return rows.filter(workspace__slug=slug, user=user, user__is_active=True).first()


def login_redirect(request: HttpRequest) -> HttpResponse:
    """Send somebody to the login page and back; a request of htmx loads the page as a whole."""
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": resolve_url("account_login")})
    return redirect_to_login(request.get_full_path())


def _note_visit(request: WorkspaceRequest) -> None:
    """Count what a person does, not what a page fetches, as activity; the admin follows the visit."""
    if request.method == "POST" or request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
        presence_touch(membership=request.membership)
        if request.session.get(SESSION_KEY) != request.workspace.pk:
            request.session[SESSION_KEY] = request.workspace.pk


def _finished(response: HttpResponseBase) -> HttpResponseBase:
    """Render a lazy template while the scope is still open."""
    if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
        return response.render()
    return response
