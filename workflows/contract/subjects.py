"""What conditions may look at besides fields and variables, by the key under which settings name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workflows.contract.config import TagRef
from workflows.contract.context import StepContext
from workflows.contract.snapshot import Need


@dataclass(frozen=True, slots=True)
class Subject:
    """How a category is read: the kind of its value, the value, and what it costs."""

    kind: str
    read: Callable[[StepContext], object]
    needs: frozenset[Need] = frozenset()


def tag_word(ctx: StepContext, tag: TagRef) -> str:
    """A tag as conditions compare it. One put on in this very burst has no id yet and goes by its name."""
    fresh = {name.casefold() for key, name in ctx.contact.tags.items() if key < 0}
    return _word(-1, tag.label) if tag.label.casefold() in fresh else _word(tag.id, "")


def _tags(ctx: StepContext) -> tuple[str, ...]:
    return tuple(_word(key, name) for key, name in ctx.contact.tags.items())


def _word(key: int, name: str) -> str:
    return f"#{key}" if key >= 0 else f"={name}"


def _text(key: int | None) -> str | None:
    return None if key is None else str(key)


SUBJECTS: Mapping[str, Subject] = {
    "contact_tags": Subject("tags", _tags, frozenset({Need.TAGS})),
    "assignee_status": Subject(
        "presence",
        lambda ctx: ctx.contact.assignee.presence if ctx.contact.assignee else None,
        frozenset({Need.ASSIGNEE}),
    ),
    "last_channel": Subject("channel", lambda ctx: _text(ctx.contact.last_channel_id)),
    "last_incoming_message": Subject("message", lambda ctx: ctx.contact.last_incoming_text),
    "conversation_status": Subject(
        "checkbox", lambda ctx: ctx.conversation.is_open, frozenset({Need.CONVERSATION})
    ),
    "bot_status": Subject("checkbox", lambda ctx: ctx.contact.values.get("bot_status", True)),
    "assignee": Subject("user", lambda ctx: _text(ctx.contact.assignee_id)),
    "time_since_last_incoming": Subject(
        "duration",
        lambda ctx: ctx.now - ctx.contact.last_incoming_at if ctx.contact.last_incoming_at else None,
    ),
    "last_outgoing_source": Subject(
        "list", lambda ctx: ctx.conversation.last_outgoing_source, frozenset({Need.CONVERSATION})
    ),
    "number_of_conversations": Subject(
        "number", lambda ctx: ctx.conversation.count, frozenset({Need.CONVERSATION})
    ),
}
