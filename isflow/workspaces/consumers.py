"""The socket of a signed-in browser: it subscribes to streams and hears their frames."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar, Final

from channels.generic.websocket import AsyncWebsocketConsumer

from isflow.kernel.ids import token_digest
from isflow.workspaces.live import STREAM_KINDS, group_name, person_group
from isflow.workspaces.models import Membership
from isflow.workspaces.socket_access import (
    NOT_SIGNED_IN,
    Refusal,
    Subscription,
    access_mark,
    look_up,
    may_hear,
    numbers_of,
    was_active,
)
from isflow.workspaces.socket_limits import IncomingMeter, OutgoingWindow, sockets

RECHECK_SECONDS: Final = 60
MAX_STREAMS: Final = 200
MAX_NAME: Final = 64
CLOSE_RESTART: Final = 1012
CLOSE_BUSY: Final = 1013
CLOSE_POLICY: Final = 1008


class LiveConsumer(AsyncWebsocketConsumer):
    """Speaks JSON: subscribe, unsubscribe, ping, ack and whisper come in; frames and answers go out."""

    declared_access: ClassVar[str] = "workspace: membership at connect, each stream at subscribe"
    membership: Membership | None = None

    async def connect(self) -> None:
        """Accept first, so that the browser learns the close code; then look who it is."""
        self.meter = IncomingMeter()
        self.window = OutgoingWindow()
        self.subscriptions: dict[str, Subscription] = {}
        self.watch: asyncio.Task[None] | None = None
        await self.accept()
        found = await look_up(self.scope, self.scope["url_route"]["kwargs"]["slug"])
        if isinstance(found, Refusal):
            await self.close(found.code)
            return
        if not sockets.enter(found.user_id):
            await self.close(CLOSE_POLICY)
            return
        self.membership = found
        await self.channel_layer.group_add(person_group(found.user_id), self.channel_name)
        self.watch = asyncio.create_task(self._recheck_regularly())
        await self._answer({"hello": found.user_id, "presence": found.presence})

    async def disconnect(self, code: int) -> None:  # noqa: ARG002 - the code is only news to us
        """Leave all groups."""
        if self.watch is not None:
            self.watch.cancel()
        member, self.membership = self.membership, None
        if member is None:
            return
        sockets.leave(member.user_id)
        await self.channel_layer.group_discard(person_group(member.user_id), self.channel_name)
        for item in self.subscriptions.values():
            await self.channel_layer.group_discard(
                group_name(member.workspace_id, item.stream), self.channel_name
            )

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Check size and rate, then do what the message asks; anything unreadable ends the connection."""
        message = _parse(text_data)
        size = len((text_data or "").encode()) + len(bytes_data or b"")
        if not self.meter.accepts(size) or message is None:
            await self.close(CLOSE_POLICY)
            return
        if self.membership is None:
            return
        for name in _names(message.get("subscribe")):
            await self._subscribe(self.membership, name)
        for name in _names(message.get("unsubscribe")):
            await self._unsubscribe(self.membership, name)
        if "ping" in message:
            await self._pong(self.membership, active=message.get("active") is True)
        if isinstance(message.get("ack"), int):
            await self._acknowledge(message["ack"])
        if isinstance(message.get("whisper"), str):
            await self._pass_on(self.membership, message)

    async def live_frames(self, event: dict[str, Any]) -> None:
        """Pass frames on to the browser, as far as it keeps up."""
        for frame in event["frames"]:
            text = json.dumps(frame)
            if self.membership is not None and self.window.takes(frame["s"], len(text)):
                await self.send(text)

    async def access_recheck(self, event: dict[str, Any]) -> None:  # noqa: ARG002 - called by message type
        """Close if the person has signed out or lost their place; reconnect if their rights have changed."""
        known = self.membership
        if known is None:
            return
        found = await look_up(self.scope, known.workspace.slug)
        if isinstance(found, Refusal):
            await self.close(found.code)
        elif access_mark(found) != access_mark(known):
            await self.close(CLOSE_RESTART)

    async def access_ended(self, event: dict[str, Any]) -> None:
        """Close if it is this browser's session that has just been signed out."""
        session_key = getattr(self.scope["session"], "session_key", None) or ""
        if token_digest(session_key) == event["session"]:
            await self.close(NOT_SIGNED_IN)

    async def _recheck_regularly(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            await self.access_recheck({})
            if self.window.is_deaf:
                await self.close(CLOSE_BUSY)

    async def _subscribe(self, member: Membership, name: str) -> None:
        stream = await may_hear(member, name) if len(self.subscriptions) < MAX_STREAMS else None
        if stream is None:
            await self._answer({"refused": name})
            return
        # Join before reading the number: a frame in between comes twice rather than never.
        await self.channel_layer.group_add(group_name(member.workspace_id, stream), self.channel_name)
        number = (await numbers_of(member.workspace_id, [stream]))[stream]
        self.subscriptions[name] = Subscription(name, stream, number)
        await self._answer({"subscribed": name, "stream": stream, "n": number})

    async def _unsubscribe(self, member: Membership, name: str) -> None:
        item = self.subscriptions.pop(name, None)
        if item is not None:
            await self.channel_layer.group_discard(
                group_name(member.workspace_id, item.stream), self.channel_name
            )
            await self._answer({"unsubscribed": name})

    async def _pong(self, member: Membership, *, active: bool) -> None:
        """Answer with the streams' numbers: a browser that missed the last frame notices it here."""
        if active:
            await was_active(member)
        streams = [item.stream for item in self.subscriptions.values()]
        await self._answer({"pong": await numbers_of(member.workspace_id, streams) if streams else {}})

    async def _acknowledge(self, total: int) -> None:
        lost = self.window.acknowledge(total)
        if lost:
            await self._answer({"lost": sorted(lost)})

    async def _pass_on(self, member: Membership, message: dict[str, Any]) -> None:
        """Tell the other listeners of a stream that somebody is typing or the like, under the true name."""
        item = self.subscriptions.get(message["whisper"])
        kind = message.get("k")
        entry = STREAM_KINDS.get(item.stream.partition(":")[0]) if item else None
        if item is None or entry is None or kind not in entry.whispers:
            return
        data = {"user_id": member.user_id, "name": member.user.name}
        frames = [{"s": item.stream, "k": kind, "d": data}]
        event = {"type": "live.frames", "frames": frames}
        await self.channel_layer.group_send(group_name(member.workspace_id, item.stream), event)

    async def _answer(self, message: dict[str, Any]) -> None:
        await self.send(json.dumps(message))


def _parse(text: str | None) -> dict[str, Any] | None:
    try:
        message = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _names(value: object) -> list[str]:
    """Return the stream names in a message, ignoring everything that cannot be one."""
    if not isinstance(value, list):
        return []
    return [
        name
        for name in value[:MAX_STREAMS]
        if isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isascii()
    ]
