"""What a definition may hold, as rows for a page: drawn from the catalogue, so it cannot go stale."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from channels_app.models import Channel
from contacts.models import ContactField, Tag
from conversations.models import ClosingCategory
from isflow.workspaces.models import Membership, Team
from workflows.definition.describe import catalogue
from workflows.models import Workflow

MAX_THINGS = 200
_LIMITS = {
    "maxLength": "≤ {} characters",
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "maxItems": "≤ {} entries",
}


@dataclass(frozen=True)
class Setting:
    """One setting by its dotted path; ``[]`` stands for an entry of a list."""

    path: str
    kind: str
    description: str
    is_required: bool


@dataclass(frozen=True)
class TypeRow:
    """A trigger or step type with all its settings."""

    key: str
    label: str
    description: str
    outlets: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Things:
    """Rows of this workspace that settings may point to, by id."""

    name: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reference:
    """The whole page."""

    triggers: tuple[TypeRow, ...]
    steps: tuple[TypeRow, ...]
    questions: tuple[tuple[str, str], ...]
    variables: tuple[tuple[str, str], ...]
    things: tuple[Things, ...]


def reference() -> Reference:
    """The page for the workspace in scope."""
    found = catalogue()
    return Reference(
        triggers=tuple(_type_row(key, row, "next") for key, row in found["triggers"].items()),
        steps=tuple(_type_row(key, row, _outlets(row["outlets"])) for key, row in found["steps"].items()),
        questions=tuple((key, row["label"]) for key, row in found["questions"].items()),
        variables=tuple(
            (f"${space}.…", ", ".join(f"${space}.{name}" for name in names))
            for space, names in found["variables"].items()
        ),
        things=_things(),
    )


def _type_row(key: str, row: Mapping[str, Any], outlets: str) -> TypeRow:
    return TypeRow(key, row["label"], row["description"], outlets, tuple(_settings(row["schema"])))


def _outlets(rules: list[dict[str, str]]) -> str:
    return ", ".join(
        _("the id of each entry of %(path)s") % {"path": rule["each"]}
        if rule["each"]
        else f"{rule['id']} ({_('if')} {rule['when']})"
        if rule["when"]
        else rule["id"]
        for rule in rules
    )


def _settings(schema: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[Setting]:
    required = schema.get("required", ())
    for name, given in schema.get("properties", {}).items():
        node = _real(given)
        path = f"{prefix}{name}"
        yield Setting(path, _kind(node), str(given.get("description", "")), name in required)
        if depth > 4:  # noqa: PLR2004 - no settings lie deeper; a class may contain itself
            continue
        yield from _settings(node, f"{path}.", depth + 1)
        items = _real(node.get("items") or {})
        yield from _settings(items, f"{path}[].", depth + 1)


def _real(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node itself, or of several possibilities the one that is not null."""
    for choice in node.get("anyOf", ()):
        if choice.get("type") != "null":
            rest = {key: value for key, value in node.items() if key != "anyOf"}
            return {**choice, **rest}
    return node


def _kind(node: Mapping[str, Any]) -> str:
    if "enum" in node or "const" in node:
        return " | ".join(json.dumps(value) for value in node.get("enum", [node.get("const")]))
    words = [str(node.get("type", "any"))]
    words.extend(text.format(node[key]) for key, text in _LIMITS.items() if key in node)
    return ", ".join(words)


def _things() -> tuple[Things, ...]:
    members = Membership.objects.select_related("user").order_by("user__email")[:MAX_THINGS]
    return (
        Things(_("Contact fields"), _rows(ContactField.objects.values_list("slug", "name").order_by("name"))),
        Things(_("Tags"), _rows(Tag.objects.values_list("pk", "name").order_by("name"))),
        Things(_("Users"), tuple((str(member.user_id), str(member.user)) for member in members)),
        Things(_("Teams"), _rows(Team.objects.values_list("pk", "name").order_by("name"))),
        Things(_("Channels"), _rows(Channel.objects.values_list("pk", "name").order_by("name"))),
        Things(
            _("Closing categories"),
            _rows(ClosingCategory.objects.values_list("pk", "name").order_by("name")),
        ),
        Things(_("Workflows"), _rows(Workflow.objects.values_list("pk", "name").order_by("name"))),
    )


def _rows(rows: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(key), str(name)) for key, name in rows[:MAX_THINGS])
