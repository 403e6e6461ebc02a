"""Who may do what: one table of roles and restrictions. What is not granted is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from isflow.workspaces.models import Membership, Role


class Permission(StrEnum):
    """A thing somebody may do in one workspace."""

    WORKSPACE_MEMBER = (
        "workspace.member"  # whatever every member may: own profile, own notifications, presence
    )
    INBOX_VIEW = "inbox.view"
    INBOX_REPLY = "inbox.reply"
    INBOX_ASSIGN = "inbox.assign"
    INBOX_CLOSE = "inbox.close"
    CONTACTS_VIEW = "contacts.view"  # the contacts module; agents work through the inbox
    CONTACTS_EDIT = "contacts.edit"  # a contact one may see at all
    CONTACTS_DELETE = "contacts.delete"
    CONTACTS_IMPORT = "contacts.import"
    CONTACTS_REMOVE_CHANNEL = "contacts.remove_channel"
    DATA_EXPORT = "data.export"
    WORKFLOWS_VIEW = "workflows.view"
    WORKFLOWS_EDIT = "workflows.edit"
    WORKFLOWS_STOP_FOR_CONTACT = "workflows.stop_for_contact"
    SHORTCUTS_USE = "shortcuts.use"
    BROADCASTS_SEND = "broadcasts.send"
    REPORTS_VIEW = "reports.view"
    SETTINGS_VIEW = "settings.view"
    SETTINGS_EDIT = "settings.edit"
    SETTINGS_DELETE = "settings.delete"  # teams, custom fields
    MEMBERS_MANAGE = "members.manage"
    CHANNELS_VIEW = "channels.view"
    CHANNELS_EDIT = "channels.edit"
    CHANNELS_DELETE = "channels.delete"
    INTEGRATIONS_EDIT = "integrations.edit"
    SCRIPTS_EDIT = "scripts.edit"
    AUDIT_VIEW = "audit.view"


class Restriction(models.TextChoices):
    """Something taken away from a member whose role would allow it; the codes are those of the API."""

    SPACE_SETTING = "restrict_space_setting", _("No access to workspace settings")
    CONTACT_DELETION = "restrict_contact_deletion", _("Cannot delete contacts")
    DATA_EXPORT = "restrict_data_export", _("Cannot export data")
    SPACE_INTEGRATION = "restrict_space_integration", _("No access to integrations")
    ONLY_MINE = "show_only_mine", _("Sees only own contacts")
    TEAM_CONTACTS = "show_team_contacts", _("Sees only contacts of the own team")
    SHORTCUTS = "restrict_shortcuts", _("Cannot start shortcuts")
    WORKFLOWS = "restrict_workflows", _("Does not see running workflows")


_P = Permission
_EVERYBODY: Final = frozenset(Role)
_MANAGING: Final = frozenset({Role.OWNER, Role.MANAGER})
_OWNING: Final = frozenset({Role.OWNER})

GRANTS: Final[Mapping[Permission, frozenset[Role]]] = {
    _P.WORKSPACE_MEMBER: _EVERYBODY,
    _P.INBOX_VIEW: _EVERYBODY,
    _P.INBOX_REPLY: _EVERYBODY,
    _P.INBOX_ASSIGN: _EVERYBODY,
    _P.INBOX_CLOSE: _EVERYBODY,
    _P.CONTACTS_VIEW: _MANAGING,
    _P.CONTACTS_EDIT: _EVERYBODY,
    _P.CONTACTS_DELETE: _EVERYBODY,
    _P.CONTACTS_IMPORT: _MANAGING,
    _P.CONTACTS_REMOVE_CHANNEL: _MANAGING,
    _P.DATA_EXPORT: _EVERYBODY,
    _P.WORKFLOWS_VIEW: _MANAGING,
    _P.WORKFLOWS_EDIT: _MANAGING,
    _P.WORKFLOWS_STOP_FOR_CONTACT: _EVERYBODY,
    _P.SHORTCUTS_USE: _EVERYBODY,
    _P.BROADCASTS_SEND: _MANAGING,
    _P.REPORTS_VIEW: _MANAGING,
    _P.SETTINGS_VIEW: _MANAGING,
    _P.SETTINGS_EDIT: _MANAGING,
    _P.SETTINGS_DELETE: _OWNING,
    _P.MEMBERS_MANAGE: _MANAGING,
    _P.CHANNELS_VIEW: _MANAGING,
    _P.CHANNELS_EDIT: _MANAGING,
    _P.CHANNELS_DELETE: _OWNING,
    _P.INTEGRATIONS_EDIT: _MANAGING,
    _P.SCRIPTS_EDIT: _OWNING,
    _P.AUDIT_VIEW: _OWNING,
}
"""Which roles hold a permission as long as no restriction takes it away."""

_ALL_SETTINGS: Final = frozenset(
    {_P.SETTINGS_VIEW, _P.SETTINGS_EDIT, _P.MEMBERS_MANAGE, _P.CHANNELS_VIEW, _P.CHANNELS_EDIT}
)

TAKEN_AWAY: Final[Mapping[Restriction, frozenset[Permission]]] = {
    Restriction.SPACE_SETTING: _ALL_SETTINGS | {_P.INTEGRATIONS_EDIT},
    Restriction.CONTACT_DELETION: frozenset({_P.CONTACTS_DELETE}),
    Restriction.DATA_EXPORT: frozenset({_P.DATA_EXPORT}),
    Restriction.SPACE_INTEGRATION: frozenset({_P.INTEGRATIONS_EDIT}),
    Restriction.ONLY_MINE: frozenset(),
    Restriction.TEAM_CONTACTS: frozenset(),
    Restriction.SHORTCUTS: frozenset({_P.SHORTCUTS_USE}),
    Restriction.WORKFLOWS: frozenset({_P.WORKFLOWS_STOP_FOR_CONTACT}),
}

APPLIES_TO: Final[Mapping[Restriction, frozenset[Role]]] = {
    Restriction.SPACE_SETTING: frozenset({Role.MANAGER}),
    Restriction.CONTACT_DELETION: frozenset({Role.MANAGER, Role.AGENT}),
    Restriction.DATA_EXPORT: frozenset({Role.MANAGER, Role.AGENT}),
    Restriction.SPACE_INTEGRATION: frozenset({Role.MANAGER}),
    Restriction.ONLY_MINE: frozenset({Role.AGENT}),
    Restriction.TEAM_CONTACTS: frozenset({Role.AGENT}),
    Restriction.SHORTCUTS: frozenset({Role.AGENT}),
    Restriction.WORKFLOWS: frozenset({Role.AGENT}),
}
"""Roles a restriction has an effect on; on others it is ignored."""


@dataclass(frozen=True)
class Visibility:
    """Which contacts a member sees: all, those assigned to one user, or also those of one team."""

    everything: bool
    user_id: int | None = None
    team_id: int | None = None


def restrictions_of(membership: Membership) -> frozenset[Restriction]:
    """Return the restrictions that have an effect on the member's role; unknown codes are ignored."""
    role = Role(membership.role)
    known = {code for code in membership.restrictions if code in Restriction.values}
    return frozenset(code for code in map(Restriction, known) if role in APPLIES_TO[code])


def allowed(membership: Membership, permission: Permission) -> bool:
    """Say whether a member may do a thing. A permission without an entry is refused."""
    if Role(membership.role) not in GRANTS.get(permission, frozenset()):
        return False
    return all(permission not in TAKEN_AWAY[code] for code in restrictions_of(membership))


def permissions_of(membership: Membership) -> frozenset[Permission]:
    """Return all permissions of a member."""
    return frozenset(permission for permission in Permission if allowed(membership, permission))


def visibility(membership: Membership) -> Visibility:
    """Say which contacts a member sees. Without a team, somebody limited to it sees own contacts only."""
    codes = restrictions_of(membership)
    if Restriction.ONLY_MINE in codes:
        return Visibility(everything=False, user_id=membership.user_id)
    if Restriction.TEAM_CONTACTS in codes:
        return Visibility(everything=False, user_id=membership.user_id, team_id=membership.team_id)
    return Visibility(everything=True)


def inbox_stream(membership: Membership) -> str:
    """Name the live stream that carries exactly the inbox this member may see."""
    seen = visibility(membership)
    if seen.everything:
        return "inbox"
    return f"inbox:team:{seen.team_id}" if seen.team_id else f"inbox:user:{seen.user_id}"


def may_manage(membership: Membership, other: Membership) -> bool:
    """Say whether a member may change another one's access: Managers only Agents, nobody the own."""
    if membership.pk == other.pk or not allowed(membership, Permission.MEMBERS_MANAGE):
        return False
    return membership.role == Role.OWNER or other.role == Role.AGENT


def grantable_roles(membership: Membership) -> list[Role]:
    """Return the roles a member may give to others."""
    if not allowed(membership, Permission.MEMBERS_MANAGE):
        return []
    return list(Role) if membership.role == Role.OWNER else [Role.AGENT]
