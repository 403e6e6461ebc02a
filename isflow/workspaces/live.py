"""Live updates: numbered frames on named streams, sent to browsers once their change is committed.

A client that finds frame N after N - 1 applies it; any other number makes it fetch the page's data anew.
A lost frame therefore costs a request, never data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from isflow.infra.db import require_atomic
from isflow.kernel.ids import token_digest
from isflow.workspaces.broadcast import GroupMessage, broadcast
from isflow.workspaces.models import LiveStream, Membership

Authorise = Callable[[Membership, str], bool]


@dataclass(frozen=True)
class Frame:
    """One change on one stream, such as ``Frame("thread:12", "message.created", {...})``; plain JSON data."""

    stream: str
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StreamKind:
    """A family of streams: who may listen to ``<kind>:<argument>``, and what listeners may whisper there."""

    authorise: Authorise
    whispers: frozenset[str]


STREAM_KINDS: dict[str, StreamKind] = {}
"""Every kind of stream a browser may ask for; filled by ``register_stream`` from the apps."""


def register_stream(kind: str, authorise: Authorise, *, whispers: Sequence[str] = ()) -> None:
    """Let browsers subscribe to ``kind:argument`` where ``authorise(membership, argument)`` agrees.

    It is called in a thread, inside the workspace's scope; the argument is what the browser wrote, empty
    for a bare ``kind``. ``whispers`` are the frame kinds (typing) that a listener may send to the others.
    """
    STREAM_KINDS[kind] = StreamKind(authorise, frozenset(whispers))


def publish(workspace_id: int, frames: Sequence[Frame]) -> None:
    """Publish the frames, numbered, after the commit: the LAST statement of a transaction.

    The counters' rows stay locked until the commit: work done after this call makes every other writer of
    the same streams wait.
    """
    if not frames:
        return
    require_atomic()
    last = _advance(workspace_id, Counter(frame.stream for frame in frames))
    grouped: dict[str, list[Frame]] = {}
    for frame in frames:
        grouped.setdefault(frame.stream, []).append(frame)
    messages = [
        _message(
            workspace_id, stream, [_wire(frame, number) for number, frame in _numbered(last[stream], own)]
        )
        for stream, own in grouped.items()
    ]

    def send() -> None:
        broadcast(messages)

    transaction.on_commit(send, robust=True)


def whisper(workspace_id: int, stream: str, kind: str, data: Mapping[str, Any]) -> None:
    """Send something that matters only now (typing, presence): no number, no trace, may be lost."""
    message = whisper_message(workspace_id, stream, kind, data)

    def send() -> None:
        broadcast([message])

    transaction.on_commit(send, robust=True)


def whisper_message(workspace_id: int, stream: str, kind: str, data: Mapping[str, Any]) -> GroupMessage:
    """Return a whisper as it is broadcast."""
    return _message(workspace_id, stream, [_wire(Frame(stream, kind, data), None)])


def group_name(workspace_id: int, stream: str) -> str:
    """Return the socket group of a stream; groups know no colon."""
    return f"live.{workspace_id}.{stream.replace(':', '.')}"


def person_group(user_id: int) -> str:
    """Return the group of all sockets of one person, for news about their access."""
    return f"person.{user_id}"


def recheck_access(user_ids: Sequence[int]) -> None:
    """Make the open sockets of these people look at once whether they may stay open."""
    messages = [GroupMessage(person_group(user_id), {"type": "access.recheck"}) for user_id in user_ids]

    def send() -> None:
        broadcast(messages)

    transaction.on_commit(send, robust=True)


def end_session(user_id: int, session_key: str) -> None:
    """Close the sockets of a session that is just ending; asking the database now would be too early."""
    broadcast(
        [GroupMessage(person_group(user_id), {"type": "access.ended", "session": token_digest(session_key)})]
    )


def stream_numbers(streams: Sequence[str]) -> dict[str, int]:
    """Return how many frames each stream of the workspace in scope has carried."""
    found = dict(LiveStream.objects.filter(name__in=streams).values_list("name", "number"))
    return {stream: found.get(stream, 0) for stream in streams}


def _advance(workspace_id: int, counts: Mapping[str, int]) -> dict[str, int]:
    """Add to the counters and return their new values: one statement, rows locked in order of names."""
    table = connection.ops.quote_name(LiveStream._meta.db_table)  # noqa: SLF001
    rows = sorted(counts.items())
    values = ", ".join(["(%s, %s, %s)"] * len(rows))
    sql = (
        f"INSERT INTO {table} (workspace_id, name, number) VALUES {values} "  # noqa: S608 - own names only
        f"ON CONFLICT (workspace_id, name) DO UPDATE SET number = {table}.number + excluded.number "
        "RETURNING name, number"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [value for name, count in rows for value in (workspace_id, name, count)])
        return dict(cursor.fetchall())


def _numbered(last: int, frames: Sequence[Frame]) -> list[tuple[int, Frame]]:
    return list(enumerate(frames, start=last - len(frames) + 1))


def _wire(frame: Frame, number: int | None) -> dict[str, Any]:
    wire: dict[str, Any] = {"s": frame.stream, "k": frame.kind, "d": dict(frame.data)}
    return wire if number is None else {**wire, "n": number}


def _message(workspace_id: int, stream: str, frames: list[dict[str, Any]]) -> GroupMessage:
    return GroupMessage(group_name(workspace_id, stream), {"type": "live.frames", "frames": frames})
