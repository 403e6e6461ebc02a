"""Who causes a change: carried in a context variable, so that plain ORM code is attributed rightly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

SOURCES: Final = (
    "user",
    "contact",
    "workflow",
    "api",
    "zapier",
    "make",
    "ctc_ads",
    "bot",
    "broadcast",
    "import",
    "merge",
    "system",
)


@dataclass(frozen=True)
class Actor:
    """The cause of a change; ``depth`` counts workflows that set each other off."""

    source: str = "system"
    user_id: int | None = None
    name: str = ""
    workflow_id: int | None = None
    run_id: int | None = None
    depth: int = 0

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ValueError(f"Unknown source “{self.source}”")


_SYSTEM: Final = Actor()
_current: ContextVar[Actor] = ContextVar("isflow_actor", default=_SYSTEM)


def current_actor() -> Actor:
    """Return whoever acts in this thread or task; the system when nobody was named."""
    return _current.get()


@contextmanager
def acting_as(actor: Actor) -> Iterator[Actor]:
    """Attribute all changes inside the block to the actor."""
    token = _current.set(actor)
    try:
        yield actor
    finally:
        _current.reset(token)
