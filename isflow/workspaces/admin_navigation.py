"""The side navigation of the admin: what people come for first, then everything else by app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _

# By name only: pages that are not installed, or not open to this person, are left out.
MAIN: Final[Mapping[str, tuple[str, ...]]] = {
    "workflows": ("Workflow", "Run", "Trouble", "Why", "Event"),
}
ICONS: Final[Mapping[str, str]] = {
    "Workflow": "account_tree",
    "Run": "play_circle",
    "Event": "bolt",
    "WorkflowVersion": "history",
    "StepExecution": "checklist",
    "Wait": "hourglass_top",
    "Enrolment": "how_to_reg",
    "Timer": "speed",
    "Trouble": "notification_important",
    "Why": "contact_support",
    "Decision": "rule",
    "Contact": "person",
    "ContactField": "data_object",
    "ContactIdentity": "alternate_email",
    "ContactTag": "label",
    "Tag": "sell",
    "Conversation": "forum",
    "Message": "chat",
    "Comment": "comment",
    "Assignment": "assignment_ind",
    "Participant": "group",
    "ClosingCategory": "category",
    "Channel": "hub",
    "InboundDelivery": "move_to_inbox",
    "Membership": "badge",
    "Invitation": "mail",
    "Team": "groups",
    "AuditEntry": "policy",
    "Workspace": "apartment",
    "User": "account_circle",
    "Notification": "notifications",
}
OTHER_ICON: Final = "table_rows"


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Groups of links to every page this person may open; an app's minor pages are folded away."""
    groups = []
    for app in sorted(admin.site.get_app_list(request), key=lambda app: app["app_label"] not in MAIN):
        first = MAIN.get(app["app_label"], ())
        pages = {model["object_name"]: model for model in app["models"] if model["admin_url"]}
        main = [pages.pop(name) for name in first if name in pages]
        if main:
            groups.append({"title": app["name"], "separator": False, "items": [_item(page) for page in main]})
        if pages:
            title = _("%(app)s: records") % {"app": app["name"]} if main else app["name"]
            items = [_item(page) for page in pages.values()]
            groups.append({"title": title, "separator": False, "collapsible": True, "items": items})
    return groups


def _item(page: Mapping[str, Any]) -> dict[str, Any]:
    name = str(page["name"])
    return {
        "title": name[:1].upper() + name[1:],
        "icon": ICONS.get(page["object_name"], OTHER_ICON),
        "link": page["admin_url"],
    }
