"""Run in the server's shell: a workspace for the tests of inbox and widget. Prints what tests need."""

from __future__ import annotations

import json

from channels_app.models import Channel
from conversations.models import ClosingCategory
from isflow.kernel.ids import new_token
from isflow.workspaces.models import Membership, Role, User, Workspace
from isflow.workspaces.scope import workspace_scope

mark = new_token(6).lower().replace("_", "x").replace("-", "y")
workspace = Workspace.objects.create(name="Larkspur Test", slug=f"test-{mark}", closing_notes="both")
people = {}
for first_name, last_name, role in (
    ("Olivia", "Ortega", Role.OWNER),
    ("Omar", "Haddad", Role.AGENT),
    ("Lena", "Novak", Role.AGENT),
):
    user = User.objects.create_user(
        f"{first_name.lower()}-{mark}@test.example", "demo-isflow", first_name=first_name, last_name=last_name
    )
    people[first_name.lower()] = user.email
    with workspace_scope(workspace.pk):
        Membership.objects.create(workspace=workspace, user=user, role=role)
with workspace_scope(workspace.pk):
    channel = Channel.objects.create(
        workspace=workspace,
        kind="web_chat",
        name="Test chat",
        config={"title": "Larkspur", "colour": "#2f5d46", "greeting": "Hello, how can we help?"},
    )
    for name in ("Question", "Order"):
        ClosingCategory.objects.create(workspace=workspace, name=name)
print(json.dumps({"slug": workspace.slug, "workspace": workspace.pk, "token": channel.token, **people}))  # noqa: T201 - the answer
