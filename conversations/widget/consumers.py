"""The visitor's socket: proves who it is with the first frame, then hears of its own messages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from conversations.models import Message
from conversations.widget.accounts import channel_of_widget, origin_fits
from conversations.widget.messages import identity_of, message_for_visitor
from conversations.widget.tokens import visitor_address
from isflow.workspaces.live import group_name, stream_numbers
from isflow.workspaces.scope import workspace_scope
from isflow.workspaces.socket_limits import IncomingMeter

CLOSE_POLICY: Final = 1008
CLOSE_BAD_TOKEN: Final = 4401
CLOSE_UNKNOWN: Final = 4404


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whose socket this is, and the stream it hears."""

    workspace_id: int
    identity_id: int
    address: str
    stream: str


class WidgetConsumer(AsyncWebsocketConsumer):
    """``{"token": …}`` comes in, ``{"ready": n}`` and ``{"frames": […]}`` go out."""

    declared_access: ClassVar[str] = "public: the first frame carries the visitor's signed token"
    visitor: Visitor | None = None

    async def connect(self) -> None:
        """Accept, so that the browser learns the close code; nothing is told before the token."""
        self.meter = IncomingMeter()
        await self.accept()

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - the code is only news to us
        """Leave the visitor's group."""
        if self.visitor is not None:
            await self.channel_layer.group_discard(self._group(self.visitor), self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take the token once; later frames are only signs of life."""
        size = len((text_data or "").encode(errors="replace")) + len(bytes_data or b"")
        message = _parse(text_data)
        if not self.meter.accepts(size) or message is None:
            await self.close(CLOSE_POLICY)
            return
        if self.visitor is not None:
            return
        token = self.scope["url_route"]["kwargs"]["token"]
        found = await _look_up(token, message.get("token"), _origin(self.scope))
        if isinstance(found, int):
            await self.close(found)
            return
        self.visitor = found
        # Join before reading the number: a frame in between comes twice rather than never.
        await self.channel_layer.group_add(self._group(found), self.channel_name)
        await self._answer({"ready": await _number(found)})

    async def live_frames(self, event: dict[str, Any]) -> None:
        """Pass frames on: number and message."""
        visitor = self.visitor
        if visitor is None:
            return
        numbered = [frame for frame in event["frames"] if "n" in frame]
        # The visitor's own messages lack the name their browser gave them: read it, so that none shows twice.
        own = [frame["d"]["id"] for frame in numbered if frame["d"].get("direction") == Message.Direction.IN]
        named = await _named(visitor, own) if own else {}
        frames = [
            {"n": frame["n"], "message": named.get(frame["d"].get("id"), frame["d"])} for frame in numbered
        ]
        await self._answer({"frames": frames})

    def _group(self, visitor: Visitor) -> str:
        return group_name(visitor.workspace_id, visitor.stream)

    async def _answer(self, message: dict[str, Any]) -> None:
        await self.send(json.dumps(message))


def _parse(text: str | None) -> dict[str, Any] | None:
    try:
        message = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _origin(scope: dict[str, Any]) -> str | None:
    values = [value for name, value in scope.get("headers", ()) if name == b"origin"]
    return values[0].decode("latin-1") if values else None


@database_sync_to_async  # type: ignore[untyped-decorator]
def _look_up(channel_token: str, token: object, origin: str | None) -> Visitor | int:
    """Return whose socket this is, or the code to close it with."""
    channel = channel_of_widget(channel_token)
    if channel is None:
        return CLOSE_UNKNOWN
    address = visitor_address(token, channel_id=channel.pk)
    if address is None or not origin_fits(channel, origin, own=settings.PUBLIC_URL):
        return CLOSE_BAD_TOKEN
    with workspace_scope(channel.workspace_id):
        identity = identity_of(channel, address)
        if identity is None:
            return CLOSE_UNKNOWN
        return Visitor(channel.workspace_id, identity.pk, address, f"visitor:{identity.pk}")


@database_sync_to_async  # type: ignore[untyped-decorator]
def _number(visitor: Visitor) -> int:
    with workspace_scope(visitor.workspace_id):
        return stream_numbers([visitor.stream])[visitor.stream]


@database_sync_to_async  # type: ignore[untyped-decorator]
def _named(visitor: Visitor, ids: list[int]) -> dict[int, dict[str, Any]]:
    """Return the visitor's own messages by id, with the names their browser gave them."""
    with workspace_scope(visitor.workspace_id):
        rows = Message.objects.filter(pk__in=ids, identity_id=visitor.identity_id)
        return {row.pk: message_for_visitor(row, visitor.address) for row in rows}
