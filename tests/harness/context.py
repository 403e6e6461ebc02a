"""Builders of what a step sees: contexts, contacts, conversations and channels, without a database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from workflows.contract import (
    ChannelView,
    ContactView,
    ConversationView,
    EventView,
    RunView,
    Snapshot,
    StepContext,
    UserView,
)

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
STANDARD_KINDS = {
    "firstname": "text",
    "lastname": "text",
    "phone": "phone",
    "email": "email",
    "country": "country",
    "language": "language",
    "profile_picture": "url",
    "bot_status": "checkbox",
}


def channel(key: int = 1, **given: Any) -> ChannelView:
    """A connected web chat that delivers at once."""
    return ChannelView(
        **{"id": key, "kind": "web_chat", "name": f"Chat {key}", "identity_id": 100 + key, **given}
    )


def user(key: int = 7, **given: Any) -> UserView:
    """Somebody of the workspace."""
    return UserView(**{"id": key, "name": "Grace Hopper", "email": "grace@example.com", **given})


def contact(**given: Any) -> ContactView:
    """Ada, reachable on channel 1. Field values by slug; other parts by their names in ContactView."""
    parts = {name: given.pop(name) for name in list(given) if name in ContactView.__dataclass_fields__}
    kinds = {**STANDARD_KINDS, **parts.pop("kinds", {})}
    values = {"firstname": "Ada", **given, **parts.pop("values", {})}
    channels = parts.pop("channels", (channel(),))
    last = parts.pop("last_channel_id", channels[0].id if channels else None)
    return ContactView(
        **{"id": 5, **parts}, values=values, kinds=kinds, channels=channels, last_channel_id=last
    )


def conversation(**given: Any) -> ConversationView:
    """An open conversation, the first of its contact."""
    return ConversationView(**{"id": 3, "is_open": True, "count": 1, "channel_id": 1, **given})


def closed_conversation(**given: Any) -> ConversationView:
    """A conversation that was closed."""
    return conversation(**{"is_open": False, **given})


def context(  # noqa: PLR0913 - a builder names every part
    person: ContactView | None = None,
    talk: ConversationView | None = None,
    *,
    now: datetime = NOW,
    zone: str = "UTC",
    users: Mapping[int, UserView] | None = None,
    declared: tuple[str, ...] = (),
    **variables: Any,
) -> StepContext:
    """One visit of run 11 to step ``s1``."""
    run = RunView(
        id=11,
        workflow_id=2,
        workflow_name="Welcome",
        started_at=now,
        workspace_name="Acme",
        zone=ZoneInfo(zone),
    )
    return StepContext(
        snapshot=Snapshot(person or contact(), talk or conversation(), users or {}),
        run=run,
        variables=dict(variables),
        declared=frozenset(declared),
        now=now,
        key="run:11:1",
        step_id="s1",
        step_name="A step",
    )


def event(kind: str, payload: Mapping[str, Any] | None = None, **given: Any) -> EventView:
    """A committed fact about contact 5."""
    return EventView(**{"kind": kind, "contact_id": 5, "at": NOW, "payload": payload or {}, **given})


def note_codes(ctx: StepContext) -> list[str]:
    """What the step remarked, by code."""
    return [note.code for note in ctx.notes]
