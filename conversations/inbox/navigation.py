"""The inbox in the main navigation."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from isflow.workspaces.access import Permission
from isflow.workspaces.navigation import NavEntry, register_nav


def connect() -> None:
    """Add the inbox to the navigation; calling it twice is harmless."""
    register_nav(NavEntry("inbox", _("Inbox"), "inbox", "inbox", Permission.INBOX_VIEW, order=10))
