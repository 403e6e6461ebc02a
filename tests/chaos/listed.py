"""What "Needs attention" lists, as JSON; run in the installation's environment."""

from __future__ import annotations

import json
import sys

import django

django.setup()

from isflow.workspaces.models import Workspace  # noqa: E402 - after setup
from isflow.workspaces.scope import workspace_scope  # noqa: E402
from workflows.selectors import unknown_calls, unknown_messages  # noqa: E402

if __name__ == "__main__":
    with workspace_scope(Workspace.objects.get().pk):
        listed = {
            "messages": list(unknown_messages().values_list("pk", flat=True)),
            "calls": list(unknown_calls().values_list("pk", flat=True)),
        }
    sys.stdout.write(json.dumps(listed))
