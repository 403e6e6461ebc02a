"""The page behind an invitation's link."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from isflow.kernel.errors import DomainError
from isflow.workspaces.forms import PersonForm
from isflow.workspaces.guards import public_view
from isflow.workspaces.models import Invitation, User
from isflow.workspaces.services.invitations import invitation_accept, invitation_by_token
from isflow.workspaces.views.start import MODEL_BACKEND


@public_view("the token is the secret")
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def accept(request: HttpRequest, token: str) -> HttpResponse:
    """Let the signed-in person join, or a new one open an account."""
    invitation = invitation_by_token(token)
    if invitation is None:
        return render(request, "workspaces/invitation_gone.html", status=410)
    if request.user.is_authenticated:
        return _join(request, invitation, request.user)
    if User.objects.filter(email__iexact=invitation.email).exists():
        return render(request, "workspaces/invitation_login.html", {"invitation": invitation})
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = invitation_accept(invitation=invitation, person=form.person(invitation.email))
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            login(request, user, backend=MODEL_BACKEND)
            return _welcome(request, invitation)
    return render(request, "workspaces/invitation_accept.html", {"form": form, "invitation": invitation})


def _join(request: HttpRequest, invitation: Invitation, user: User) -> HttpResponse:
    if request.method == "POST":
        try:
            invitation_accept(invitation=invitation, user=user)
        except DomainError as error:
            messages.error(request, error.message)
            return redirect("home")
        return _welcome(request, invitation)
    return render(request, "workspaces/invitation_join.html", {"invitation": invitation})


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    messages.success(request, _("Welcome to %(name)s!") % {"name": invitation.workspace.name})
    return redirect("workspace_home", slug=invitation.workspace.slug)
