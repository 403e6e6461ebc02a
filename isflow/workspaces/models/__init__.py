"""Who owns what, who works where, and what they may do."""

from __future__ import annotations

from isflow.workspaces.models.live import LiveStream
from isflow.workspaces.models.people import Invitation, Membership, Notification, Presence, Role, Team, User
from isflow.workspaces.models.workspace import AuditEntry, Workspace

__all__ = [
    "AuditEntry",
    "Invitation",
    "LiveStream",
    "Membership",
    "Notification",
    "Presence",
    "Role",
    "Team",
    "User",
    "Workspace",
]
