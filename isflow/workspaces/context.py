"""What the frame of every page shows: navigation, other workspaces, unread notifications."""

from __future__ import annotations

from functools import cached_property

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from isflow.workspaces.access import Permission, permissions_of
from isflow.workspaces.guards import SESSION_KEY
from isflow.workspaces.live import stream_numbers
from isflow.workspaces.models import Membership, Notification, User, Workspace
from isflow.workspaces.navigation import NavLink, nav_links
from isflow.workspaces.scope import all_workspaces, workspace_scope


class Shell:
    """Looked up by templates; nothing is asked of the database before it is shown."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def membership(self) -> Membership | None:
        """Return the member's place: in the page's workspace, elsewhere in the one visited last."""
        if hasattr(self._request, "membership"):
            found: Membership | None = self._request.membership
            return found
        user = getattr(self._request, "user", None)
        visited = self._request.session.get(SESSION_KEY) if isinstance(user, User) else None
        return next((item for item in self.memberships if item.workspace_id == visited), None)

    @property
    def workspace(self) -> Workspace | None:
        """The workspace of the page, if it has one."""
        return self.membership.workspace if self.membership else None

    @cached_property
    def may(self) -> dict[str, bool]:
        """Return the member's permissions, with underscores: ``shell.may.inbox_reply``."""
        held = permissions_of(self.membership) if self.membership else frozenset()
        return {permission.replace(".", "_"): permission in held for permission in Permission}

    @cached_property
    def nav(self) -> list[NavLink]:
        """Return the main navigation."""
        return nav_links(self.membership, self._request.path) if self.membership else []

    @cached_property
    def memberships(self) -> list[Membership]:
        """Return all the person's workspaces, by name."""
        user = getattr(self._request, "user", None)
        if not isinstance(user, User):
            return []
        with all_workspaces():
            rows = Membership.objects.filter(user=user).select_related("workspace", "user", "team")
            return list(rows.order_by("workspace__name"))

    @cached_property
    def unread(self) -> int:
        """Count the member's unread notifications in this workspace."""
        if self.membership is None:
            return 0
        with workspace_scope(self.membership.workspace_id):
            return Notification.objects.filter(user_id=self.membership.user_id, read_at=None).count()

    @cached_property
    def live_number(self) -> int:
        """Return the number of the member's own stream, read before anything else is counted."""
        if self.membership is None:
            return 0
        with workspace_scope(self.membership.workspace_id):
            stream = f"user:{self.membership.user_id}"
            return stream_numbers([stream])[stream]


def shell(request: HttpRequest) -> dict[str, object]:
    """Add ``shell`` to every template."""
    return {"shell": SimpleLazyObject(lambda: Shell(request))}
