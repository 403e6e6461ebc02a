"""Documents for tests, in few words."""

from __future__ import annotations

from typing import Any

from workflows.contract import Known, KnownField, KnownWorkflow
from workflows.definition.compile import compile_definition
from workflows.definition.loops import Member
from workflows.definition.schema import DefinitionDocument, parse_document

KNOWN = Known(
    tags=frozenset({1, 2}),
    users=frozenset({7}),
    teams=frozenset({4}),
    channels=frozenset({1}),
    categories=frozenset({3}),
    workflows={9: KnownWorkflow("Menu", "manual", is_published=True)},
    fields={
        "firstname": KnownField("text"),
        "email": KnownField("email"),
        "age": KnownField("number"),
    },
    workflow_id=5,
)


def say(text: str = "Hi", next_id: str | None = None) -> dict[str, Any]:
    """A message."""
    return step("send_message", {"default": {"text": text}}, next=next_id)


def step(kind: str, config: dict[str, Any] | None = None, **outlets: str | None) -> dict[str, Any]:
    """A step of any kind."""
    return {"type": kind, "name": kind, "config": config or {}, "outlets": outlets}


def raw(
    steps: dict[str, Any],
    trigger: str = "conversation_opened",
    config: dict[str, Any] | None = None,
    first: str | None = "a",
) -> dict[str, Any]:
    """A whole document as JSON values."""
    return {
        "format": 1,
        "trigger": {"type": trigger, "config": config or {}, "outlets": {"next": first}},
        "steps": steps,
    }


def document(*args: Any, **given: Any) -> DefinitionDocument:
    """A parsed document."""
    return parse_document(raw(*args, **given))


def member(key: int, *args: Any, **given: Any) -> Member:
    """A workflow for the loop check."""
    return Member(key, f"W{key}", compile_definition(document(*args, **given)))
