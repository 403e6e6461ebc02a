"""What exists in a workspace, as far as settings may point to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KnownField:
    """A contact field: the kind of its values and the choices of a list."""

    kind: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownWorkflow:
    """A workflow of the workspace; ``step_ids`` are those of its published version."""

    name: str = ""
    trigger_key: str = ""
    is_published: bool = False
    step_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """Ids and slugs of everything that settings may name. ``workflow_id``: the workflow being checked."""

    tags: frozenset[int] = frozenset()
    users: frozenset[int] = frozenset()
    teams: frozenset[int] = frozenset()
    channels: frozenset[int] = frozenset()
    categories: frozenset[int] = frozenset()
    workflows: Mapping[int, KnownWorkflow] = field(default_factory=dict)
    fields: Mapping[str, KnownField] = field(default_factory=dict)
    workflow_id: int | None = None

    def has(self, kind: str, key: int | str) -> bool:
        """Whether the thing exists; ``kind`` is that of the reference."""
        if kind == "field":
            return key in self.fields
        things = {
            "tag": self.tags,
            "user": self.users,
            "team": self.teams,
            "channel": self.channels,
            "category": self.categories,
            "workflow": self.workflows.keys(),
        }
        return key in things[kind]
