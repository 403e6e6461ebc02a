"""The side menu of the admin: what staff use first, grouped by purpose; the operator's tables last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from isflow.workspaces.admin_site import membership_of
from isflow.workspaces.navigation import page_url

GROUPS: Final = (
    ("workflows", gettext_lazy("Automation")),
    ("contacts", gettext_lazy("Contacts")),
    ("conversations", gettext_lazy("Conversations")),
    ("channels_app", gettext_lazy("Channels")),
    ("workspaces", gettext_lazy("Workspace")),
)

ICONS: Final = {
    "workflow": "account_tree",
    "workflowversion": "history",
    "run": "play_circle",
    "stepexecution": "format_list_numbered",
    "event": "bolt",
    "decision": "rule",
    "wait": "hourglass_empty",
    "enrolment": "how_to_reg",
    "instantrule": "flash_on",
    "contact": "contacts",
    "contactfield": "input",
    "contactidentity": "fingerprint",
    "tag": "sell",
    "contacttag": "sell",
    "segment": "filter_alt",
    "lifecyclestage": "timeline",
    "conversation": "forum",
    "message": "chat",
    "comment": "sticky_note_2",
    "closingnote": "task_alt",
    "closingcategory": "category",
    "snippet": "short_text",
    "channel": "cell_tower",
    "inbounddelivery": "move_to_inbox",
    "team": "groups",
    "membership": "badge",
    "invitation": "mail",
    "auditentry": "history",
    "workspace": "apartment",
    "user": "person",
    "notification": "notifications",
    "livestream": "sensors",
}
"""Material symbols by model; others get a plain one."""


@dataclass(frozen=True)
class _Entry:
    """A model's page in the menu."""

    title: str
    icon: str
    link: str

    def as_dict(self) -> dict[str, str]:
        return {"title": self.title, "icon": self.icon, "link": self.link}


def side_menu(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the menu as the theme wants them; only what the user may open."""
    apps = {app["app_label"]: app for app in admin.site.get_app_list(request)}
    groups = [_group("", _start(request))]
    for label, title in GROUPS:
        app = apps.pop(label, None)
        if app is not None:
            groups.append(_group(str(title), _models(app)))
    if apps:
        system = [entry for app in apps.values() for entry in _models(app)]
        groups.append({**_group(_("System"), system), "collapsible": True})
    return groups


def _start(request: HttpRequest) -> list[_Entry]:
    entries = [_Entry(_("Overview"), "dashboard", reverse("admin:index"))]
    membership = membership_of(request)
    inbox = page_url("inbox", membership.workspace.slug) if membership else ""
    return [_Entry(_("Inbox"), "inbox", inbox), *entries] if inbox else entries


def _models(app: dict[str, Any]) -> list[_Entry]:
    return [
        _Entry(str(model["name"]), ICONS.get(model["object_name"].lower(), "table"), model["admin_url"])
        for model in app["models"]
        if model["admin_url"]
    ]


def _group(title: str, entries: Sequence[_Entry]) -> dict[str, Any]:
    return {"title": title, "separator": bool(title), "items": [entry.as_dict() for entry in entries]}
