"""The page of members, invitations and teams."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from isflow.kernel.errors import DomainError
from isflow.workspaces.access import Permission, Restriction, allowed, grantable_roles, may_manage
from isflow.workspaces.forms import InviteForm, MemberForm, TeamForm
from isflow.workspaces.guards import WorkspaceRequest, workspace_view
from isflow.workspaces.models import Invitation, Membership, Role, Team
from isflow.workspaces.services.invitations import (
    SentInvitation,
    invitation_create,
    invitation_mail,
    invitation_resend,
    invitation_revoke,
)
from isflow.workspaces.services.members import member_change, member_remove, team_delete, team_save

_members_page = workspace_view(Permission.MEMBERS_MANAGE)


@_members_page
def member_list(request: WorkspaceRequest) -> HttpResponse:
    """Show everybody, open invitations and teams."""
    return _page(request)


@_members_page
def member_edit(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """Change another member's role, restrictions and team."""
    member = get_object_or_404(Membership.objects.select_related("user", "team"), pk=member_id)
    if not may_manage(request.membership, member):
        raise PermissionDenied
    form = MemberForm(request.POST or None, by=request.membership, member=member)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            member_change(
                by=request.membership,
                member=member,
                role=Role(data["role"]),
                restrictions=data["restrictions"],
                team=data["team"],
            )
        except DomainError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, _("The access of %(name)s is changed.") % {"name": member.user.name})
            return redirect("member_list", slug=request.workspace.slug)
    return render(request, "workspaces/member_edit.html", {"form": form, "member": member})


@_members_page
@require_POST
def member_remove_view(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """End a membership."""
    member = get_object_or_404(Membership.objects.select_related("user"), pk=member_id)
    name = member.user.name
    try:
        member_remove(by=request.membership, member=member)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("%(name)s is no longer a member.") % {"name": name})
    return redirect("member_list", slug=request.workspace.slug)


@_members_page
@require_POST
def invitation_new(request: WorkspaceRequest) -> HttpResponse:
    """Invite somebody and show the link once, in case the mail does not arrive."""
    form = InviteForm(request.POST, by=request.membership)
    if form.is_valid():
        data = form.cleaned_data
        try:
            sent = invitation_create(by=request.membership, email=data["email"], role=Role(data["role"]))
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            return _page(request, sent=_deliver(request, sent))
    return _page(request, invite_form=form)


@_members_page
@require_POST
def invitation_resend_view(request: WorkspaceRequest, invitation_id: int) -> HttpResponse:
    """Send a fresh link."""
    invitation = get_object_or_404(Invitation.objects.select_related("workspace"), pk=invitation_id)
    try:
        sent = invitation_resend(by=request.membership, invitation=invitation)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("member_list", slug=request.workspace.slug)
    return _page(request, sent=_deliver(request, sent))


@_members_page
@require_POST
def invitation_revoke_view(request: WorkspaceRequest, invitation_id: int) -> HttpResponse:
    """Take an invitation back."""
    invitation = get_object_or_404(Invitation, pk=invitation_id)
    try:
        invitation_revoke(by=request.membership, invitation=invitation)
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The invitation no longer works."))
    return redirect("member_list", slug=request.workspace.slug)


@workspace_view(Permission.SETTINGS_EDIT)
def team_edit(request: WorkspaceRequest, team_id: int | None = None) -> HttpResponse:
    """Create or change a team."""
    team = get_object_or_404(Team, pk=team_id) if team_id is not None else None
    initial = {"name": team.name, "description": team.description} if team else None
    form = TeamForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            team_save(workspace_id=request.workspace.pk, team=team, **form.cleaned_data)
        except DomainError as error:
            form.add_error("name", error.message)
        else:
            messages.success(request, _("The team is saved."))
            return redirect("member_list", slug=request.workspace.slug)
    return render(request, "workspaces/team_edit.html", {"form": form, "team": team})


@workspace_view(Permission.SETTINGS_DELETE)
@require_POST
def team_delete_view(request: WorkspaceRequest, team_id: int) -> HttpResponse:
    """Delete a team."""
    team_delete(team=get_object_or_404(Team, pk=team_id))
    messages.success(request, _("The team is deleted."))
    return redirect("member_list", slug=request.workspace.slug)


def _deliver(request: WorkspaceRequest, sent: SentInvitation) -> SentInvitation:
    if invitation_mail(sent, inviter=request.user.name):
        messages.success(
            request, _("The invitation is on its way to %(to)s.") % {"to": sent.invitation.email}
        )
    else:
        messages.warning(request, _("The mail could not be sent. Please pass the link on yourself."))
    return sent


def _page(
    request: WorkspaceRequest, *, invite_form: InviteForm | None = None, sent: SentInvitation | None = None
) -> HttpResponse:
    by = request.membership
    members = Membership.objects.select_related("user", "team").order_by("user__first_name", "user__email")
    grantable = grantable_roles(by)
    open_ones = (
        Invitation.objects.filter(accepted_at=None).select_related("invited_by").order_by("-created_at")
    )
    context = {
        "members": [_member_row(by, member) for member in members],
        "invitations": [(item, Role(item.role) in grantable) for item in open_ones],
        "teams": Team.objects.order_by("name").prefetch_related("memberships__user"),
        "invite_form": invite_form or InviteForm(by=by),
        "sent": sent,
        "now": timezone.now(),
        "may_edit_teams": allowed(by, Permission.SETTINGS_EDIT),
        "may_delete_teams": allowed(by, Permission.SETTINGS_DELETE),
    }
    invalid = invite_form is not None
    return render(request, "workspaces/members.html", context, status=422 if invalid else 200)


def _member_row(by: Membership, member: Membership) -> dict[str, object]:
    codes = [Restriction(code).label for code in member.restrictions if code in Restriction.values]
    return {"member": member, "may_manage": may_manage(by, member), "restrictions": codes}
