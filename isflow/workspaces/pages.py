"""The places of the main navigation; pages that are not installed show no entry."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from isflow.workspaces.access import Permission
from isflow.workspaces.navigation import NavEntry, register_nav

register_nav(
    NavEntry("inbox", _("Inbox"), "inbox", "inbox", Permission.INBOX_VIEW, 10),
    NavEntry("contacts", _("Contacts"), "contacts", "contact_list", Permission.CONTACTS_VIEW, 20),
    NavEntry(
        "workflows",
        _("Workflows"),
        "workflow",
        "admin:workflows_workflow_changelist",
        Permission.WORKFLOWS_VIEW,
        30,
    ),
    NavEntry("reports", _("Reports"), "chart", "reports", Permission.REPORTS_VIEW, 50),
    NavEntry("members", _("Members"), "users", "member_list", Permission.MEMBERS_MANAGE, 60),
    NavEntry("settings", _("Settings"), "settings", "workspace_settings", Permission.SETTINGS_VIEW, 70),
)
