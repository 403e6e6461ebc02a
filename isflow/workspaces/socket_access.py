"""What a socket asks the database: is this person still in, and may they listen to that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar, cast

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest

from isflow.workspaces.access import Permission, allowed, inbox_stream
from isflow.workspaces.guards import find_membership
from isflow.workspaces.live import STREAM_KINDS, stream_numbers
from isflow.workspaces.models import Membership, User
from isflow.workspaces.presence import presence_touch
from isflow.workspaces.scope import workspace_scope

P = ParamSpec("P")
T = TypeVar("T")

NOT_SIGNED_IN = 4401
NOT_A_MEMBER = 4403


@dataclass(frozen=True)
class Refusal:
    """Why a socket must close."""

    code: int


@dataclass(frozen=True)
class Subscription:
    """A stream somebody may hear: the name asked for, the one it really is, frames carried so far."""

    name: str
    stream: str
    number: int


def _in_thread(function: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Give Channels' helper the types it lacks."""
    return cast("Callable[P, Awaitable[T]]", database_sync_to_async(function))


def access_mark(membership: Membership) -> tuple[object, ...]:
    """Return what decides over a member's rights; a socket reconnects when it changes."""
    return (membership.role, sorted(membership.restrictions), membership.team_id)


@_in_thread
def look_up(scope: dict[str, Any], slug: str) -> Membership | Refusal:
    """Return the membership of whoever holds this session now, or why there is none."""
    session_key = getattr(scope.get("session"), "session_key", None)
    if not session_key:
        return Refusal(NOT_SIGNED_IN)
    # The session is read anew: the copy in the scope still knows a user who has signed out elsewhere.
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = auth.get_user(cast("HttpRequest", SimpleNamespace(session=session, META={})))
    if not isinstance(user, User):
        return Refusal(NOT_SIGNED_IN)
    membership = find_membership(user=user, slug=slug)
    return Refusal(NOT_A_MEMBER) if membership is None else membership


@_in_thread
def may_hear(membership: Membership, name: str) -> str | None:
    """Return the stream behind a requested name, or None if the member may not hear it."""
    with workspace_scope(membership.workspace_id):
        if name == "inbox":
            return inbox_stream(membership) if allowed(membership, Permission.INBOX_VIEW) else None
        kind, _, argument = name.partition(":")
        entry = STREAM_KINDS.get(kind)
        return name if entry is not None and entry.authorise(membership, argument) else None


@_in_thread
def numbers_of(workspace_id: int, streams: Sequence[str]) -> dict[str, int]:
    """Return how many frames the streams have carried."""
    with workspace_scope(workspace_id):
        return stream_numbers(streams)


@_in_thread
def was_active(membership: Membership) -> None:
    """Note that the member moved the mouse or typed."""
    with workspace_scope(membership.workspace_id):
        presence_touch(membership=membership)
