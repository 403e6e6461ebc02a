"""Roles, restrictions, teams and the end of a membership."""

from __future__ import annotations

from collections.abc import Collection

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from isflow.kernel.errors import Forbidden, Rejected
from isflow.workspaces.access import APPLIES_TO, Restriction, grantable_roles, may_manage
from isflow.workspaces.audit import audit
from isflow.workspaces.live import recheck_access
from isflow.workspaces.models import Membership, Role, Team, Workspace
from isflow.workspaces.signals import member_removed


def member_change(
    *, by: Membership, member: Membership, role: Role, restrictions: Collection[str], team: Team | None
) -> None:
    """Give a member another role, restrictions or team; restrictions without effect are dropped."""
    with transaction.atomic():
        by, member = _lock(by, member)
        if not may_manage(by, member) or role not in grantable_roles(by):
            raise Forbidden(_("You may not change this member's access."))
        before = (member.role, sorted(member.restrictions), member.team_id)
        member.role = role
        member.restrictions = sorted(code for code in restrictions if role in APPLIES_TO[Restriction(code)])
        member.team = team
        member.save(update_fields=["role", "restrictions", "team"])
        if before != (member.role, member.restrictions, member.team_id):
            audit(
                "member.changed",
                member.user.email,
                role=[before[0], str(role)],
                restrictions=[before[1], member.restrictions],
                team=[before[2], member.team_id],
            )
    recheck_access([member.user_id])


def member_remove(*, by: Membership, member: Membership) -> None:
    """End a membership; what the person wrote stays, their open sockets close."""
    user_id = member.user_id
    with transaction.atomic():
        by, member = _lock(by, member)
        if not may_manage(by, member):
            raise Forbidden(_("You may not remove this member."))
        member_removed.send(sender=Membership, workspace_id=member.workspace_id, user_id=user_id)
        audit("member.removed", member.user.email, role=member.role)
        member.delete()
    recheck_access([user_id])


def team_save(*, workspace_id: int, name: str, description: str = "", team: Team | None = None) -> Team:
    """Create or change a team; names are unique regardless of case."""
    try:
        with transaction.atomic():
            if team is None:
                team = Team.objects.create(workspace_id=workspace_id, name=name, description=description)
                audit("team.created", name)
            else:
                team.name, team.description = name, description
                team.save(update_fields=["name", "description"])
                audit("team.changed", name)
    except IntegrityError:
        raise Rejected(_("There is a team of this name already.")) from None
    return team


def team_delete(*, team: Team) -> None:
    """Delete a team; its members stay without one."""
    with transaction.atomic():
        affected = list(Membership.objects.filter(team=team).values_list("user_id", flat=True))
        audit("team.deleted", team.name)
        team.delete()
    recheck_access(affected)


def _lock(by: Membership, member: Membership) -> tuple[Membership, Membership]:
    """Read both anew under the workspace's lock: two owners must not remove each other at once."""
    Workspace.objects.select_for_update(no_key=True).get(pk=by.workspace_id)
    found = {
        row.pk: row for row in Membership.objects.filter(pk__in=[by.pk, member.pk]).select_related("user")
    }
    if len({by.pk, member.pk}) != len(found):
        raise Forbidden(_("This member is no longer here."))
    return found[by.pk], found[member.pk]
