"""The record of who did what: logins, access, publishing, exports, secrets."""

from __future__ import annotations

from typing import Any

from isflow.kernel.actor import current_actor
from isflow.workspaces.models import AuditEntry
from isflow.workspaces.scope import scope_or_none


def audit(action: str, target: str = "", **details: Any) -> AuditEntry:
    """Record that the current actor did something in the current workspace; details are plain JSON values."""
    actor = current_actor()
    return AuditEntry.objects.create(
        workspace_id=scope_or_none(),
        user_id=actor.user_id,
        action=action,
        target=target[:200],
        details={**details, **({} if actor.source == "user" else {"source": actor.source})},
    )
