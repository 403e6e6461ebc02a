from __future__ import annotations

from dataclasses import dataclass

import pytest

from isflow.workspaces.models import Role
from isflow.workspaces.scope import workspace_scope
from tests.factories import make_member, make_workspace
from tests.factories_contacts import make_channel
from workflows.engine import versions
from workflows.models import Workflow
from workflows.services import workflow_create

LIST = "/admin/workflows/workflow/"
RUNS = "/admin/workflows/run/"
EVENTS = "/admin/workflows/event/"


@dataclass
class Shop:
    """A workspace with an owner who is signed in."""

    workspace: object
    channel: object
    client: object
    owner: object

    def scope(self):
        return workspace_scope(self.workspace.pk)

    def make(self, name="Welcome", draft=None):
        with self.scope():
            return workflow_create(name=name, draft=draft or {}, user=self.owner)

    def fresh(self, workflow):
        with self.scope():
            return Workflow.objects.get(pk=workflow.pk)

    def sign_in(self, user):
        self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")


@pytest.fixture
def shop(db, client):
    versions.forget_all()
    workspace = make_workspace()
    owner = make_member(workspace, Role.OWNER).user
    found = Shop(workspace, make_channel(workspace, kind="web_chat"), client, owner)
    found.sign_in(owner)
    return found
