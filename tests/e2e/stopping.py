"""Run in the server's shell, its slug put in: a published workflow that asks and waits. Prints its name."""

from __future__ import annotations

import json

from isflow.workspaces.models import Workspace
from isflow.workspaces.scope import workspace_scope
from tests.factories_workflows import document, publish
from workflows.models import Workflow

workspace = Workspace.objects.get(slug="the-slug")
asking = document("conversation_opened", ("ask", "ask_question", {"text": "How may we call you?"}))
workflow = publish(workspace, asking, "Ask for the name")
with workspace_scope(workspace.pk):
    Workflow.objects.filter(pk=workflow.pk).update(allow_stop_for_contact=True)
print(json.dumps({"name": workflow.name}))  # noqa: T201 - the answer
