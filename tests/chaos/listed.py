"""What people are shown at the end, as JSON; run in the installation's environment.

``python -m tests.chaos.listed <agents as JSON>``: "Needs attention", and the list of each agent's inbox.
"""

from __future__ import annotations

import json
import sys

import django

django.setup()

from conversations.selectors import inbox_page  # noqa: E402 - after setup
from isflow.workspaces.models import Membership, Workspace  # noqa: E402
from isflow.workspaces.scope import workspace_scope  # noqa: E402
from tests.chaos.agents import MOST  # noqa: E402
from workflows.selectors import unknown_calls, unknown_messages  # noqa: E402


def inbox_rows(person):
    member = Membership.objects.select_related("user").get(user__email=person["email"])
    page = inbox_page(member, status=person["status"], limit=MOST)
    return [row.to_json() for row in page.rows]


if __name__ == "__main__":
    with workspace_scope(Workspace.objects.get().pk):
        listed = {
            "messages": list(unknown_messages().values_list("pk", flat=True)),
            "calls": list(unknown_calls().values_list("pk", flat=True)),
            "inboxes": {person["email"]: inbox_rows(person) for person in json.loads(sys.argv[1])},
        }
    sys.stdout.write(json.dumps(listed))
