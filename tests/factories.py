"""Small makers of workspaces and people; each app adds its own in ``tests/factories_<app>.py``."""

from __future__ import annotations

from collections.abc import Sequence

from isflow.workspaces.models import Membership, Role, Team, User, Workspace
from isflow.workspaces.scope import workspace_scope

PASSWORD = "correct horse battery staple"


def make_workspace(slug: str = "acme", **fields: object) -> Workspace:
    """Create a workspace; its name is the slug with a capital."""
    return Workspace.objects.create(**{"name": slug.capitalize(), "slug": slug, **fields})


def make_user(email: str = "ada@example.org", **fields: object) -> User:
    """Create a person with PASSWORD."""
    return User.objects.create_user(email, PASSWORD, **fields)


def make_member(
    workspace: Workspace,
    role: str = Role.AGENT,
    *,
    user: User | None = None,
    restrictions: Sequence[str] = (),
    team: Team | None = None,
) -> Membership:
    """Create a member, and the person too unless one is given."""
    with workspace_scope(workspace.pk):
        number = Membership.objects.count() + 1
        person = user or make_user(f"{role}{number}@{workspace.slug}.example")
        return Membership.objects.create(
            workspace=workspace, user=person, role=role, restrictions=list(restrictions), team=team
        )


def make_team(workspace: Workspace, name: str = "Sales") -> Team:
    """Create a team without members."""
    with workspace_scope(workspace.pk):
        return Team.objects.create(workspace=workspace, name=name)
