"""Lines of a thread that no other row tells."""

from __future__ import annotations

from datetime import datetime

from conversations.items import LineItem
from conversations.models import ThreadLine
from conversations.realtime import announce_item, announcing
from isflow.kernel.actor import current_actor
from isflow.workspaces.models import User
from isflow.workspaces.scope import current_workspace_id


def automation_stopped(*, contact_id: int, workflow: str, at: datetime) -> None:
    """Write into the contact's thread that whoever acts has stopped a workflow for the contact."""
    actor = current_actor()
    user = User.objects.filter(pk=actor.user_id).first() if actor.user_id else None
    with announcing():
        line = ThreadLine.objects.create(
            workspace_id=current_workspace_id(),
            contact_id=contact_id,
            event=ThreadLine.Event.AUTOMATION_STOPPED,
            subject=workflow[:200],
            source=actor.source,
            by_user=user,
            by_name=(actor.name or (user.name if user else ""))[:100],
            at=at,
        )
        announce_item(line.workspace_id, LineItem.told(line))
