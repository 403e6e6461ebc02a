"""What ``$name`` means: contact, assignee, system and workflow values, then the variables of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from isflow.kernel.templates import UNKNOWN, Lookup
from isflow.kernel.values import Scalar, display
from workflows.contract.snapshot import Need, Snapshot, UserView

CONTACT_NAMES = frozenset(
    (
        "id",
        "name",
        "firstname",
        "lastname",
        "email",
        "phone",
        "country",
        "country_code",
        "language",
        "profile_picture",
        "bot_status",
        "assignee",
        "tags",
        "created_at",
        "status",
        "last_message",
        "last_channel",
    )
)
ASSIGNEE_NAMES = frozenset(["id", "name", "firstname", "lastname", "email", "team", "status"])
SYSTEM_NAMES = frozenset(
    ["current_datetime", "current_date", "current_time", "timestamp", "workspace_name", "timezone"]
)
WORKFLOW_NAMES = frozenset(["id", "name", "run_id", "started_at"])

DATETIME_FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class RunView:
    """The run and its workflow, as far as steps and templates may know them."""

    id: int
    workflow_id: int
    workflow_name: str
    started_at: datetime
    workspace_name: str
    zone: ZoneInfo
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything a name is looked up in. ``declared``: names that exist even while they have no value."""

    snapshot: Snapshot
    run: RunView
    variables: Mapping[str, Scalar]
    declared: frozenset[str]
    now: datetime


def need_of(name: str) -> Need | None:
    """The part of the snapshot that holds a variable's value, None if it is always there."""
    if name == "contact.assignee" or name.startswith("assignee."):
        return Need.ASSIGNEE
    if name.startswith("contact.") and name.removeprefix("contact.") not in CONTACT_NAMES:
        return Need.FIELDS
    return {
        "contact.tags": Need.TAGS,
        "contact.status": Need.CONVERSATION,
        "contact.last_channel": Need.CHANNELS,
    }.get(name)


def is_builtin(name: str) -> bool:
    """Whether the name means something everywhere, unlike custom fields and variables of a run."""
    space, _, rest = name.partition(".")
    spaces = {
        "contact": CONTACT_NAMES,
        "assignee": ASSIGNEE_NAMES,
        "system": SYSTEM_NAMES,
        "workflow": WORKFLOW_NAMES,
    }
    return rest in spaces.get(space, ())


def value_of(scope: Scope, name: str) -> tuple[bool, Scalar]:
    """Whether the name is known, and its value."""
    space, _, rest = name.partition(".")
    if space == "contact" and rest:
        return _contact(scope, rest)
    if space == "assignee" and rest in ASSIGNEE_NAMES:
        return True, _assignee(scope.snapshot.contact.assignee, rest)
    if space == "system" and rest in SYSTEM_NAMES:
        return True, _system(scope, rest)
    if space == "workflow" and rest in WORKFLOW_NAMES:
        return True, _workflow(scope, rest)
    if name in scope.variables:
        return True, scope.variables[name]
    if space == "webhook" and rest in scope.variables:
        return True, scope.variables[rest]
    if space == "ad" and rest:
        return value_of(scope, f"clicktochat.{rest}")
    return name in scope.declared, None


def lookup(scope: Scope, name: str) -> Lookup:
    """The text that stands for a name, None when it has no value, UNKNOWN when nobody knows it."""
    known, value = value_of(scope, name)
    if not known:
        return UNKNOWN
    if value is None:
        return None
    return display(_kind(scope, name, value), value)


def _kind(scope: Scope, name: str, value: Scalar) -> str:
    space, _, rest = name.partition(".")
    if space == "contact" and rest in scope.snapshot.contact.kinds:
        return scope.snapshot.contact.kinds[rest]
    if isinstance(value, bool):
        return "checkbox"
    return "number" if isinstance(value, int | float) else "text"


def _contact(scope: Scope, rest: str) -> tuple[bool, Scalar]:
    contact = scope.snapshot.contact
    if rest == "id":
        return True, contact.id
    if rest == "name":
        return True, contact.name or None
    if rest == "country_code":
        return True, contact.values.get("country")
    if rest == "assignee":
        return True, contact.assignee.name if contact.assignee else None
    if rest == "tags":
        return True, ", ".join(sorted(contact.tags.values())) or None
    if rest == "created_at":
        return True, _stamp(contact.created_at, scope.run.zone)
    if rest == "status":
        return True, "open" if scope.snapshot.conversation.is_open else "closed"
    if rest == "last_message":
        return True, contact.last_incoming_text or None
    if rest == "last_channel":
        return True, contact.last_channel.name if contact.last_channel else None
    value = contact.values.get(rest)
    return rest in contact.kinds or rest in CONTACT_NAMES, None if value == "" else value


def _assignee(user: UserView | None, rest: str) -> Scalar:
    if user is None:
        return None
    values: dict[str, Scalar] = {
        "id": user.id,
        "name": user.name,
        "firstname": user.first_name,
        "lastname": user.last_name,
        "email": user.email,
        "team": user.team,
        "status": user.presence,
    }
    return values[rest] or None


def _system(scope: Scope, rest: str) -> Scalar:
    local = scope.now.astimezone(scope.run.zone)
    if rest == "current_datetime":
        return local.strftime(DATETIME_FORMAT)
    if rest == "current_date":
        return local.strftime("%Y-%m-%d")
    if rest == "current_time":
        return local.strftime("%H:%M:%S")
    if rest == "timestamp":
        return int(scope.now.timestamp())
    return scope.run.workspace_name if rest == "workspace_name" else str(scope.run.zone)


def _workflow(scope: Scope, rest: str) -> Scalar:
    run = scope.run
    values: dict[str, Scalar] = {
        "id": run.workflow_id,
        "name": run.workflow_name,
        "run_id": run.id,
        "started_at": _stamp(run.started_at, run.zone),
    }
    return values[rest]


def _stamp(at: datetime | None, zone: ZoneInfo) -> str | None:
    return at.astimezone(zone).strftime(DATETIME_FORMAT) if at else None
