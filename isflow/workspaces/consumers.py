"""The socket of a signed-in browser: it subscribes to streams and hears their frames."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, ClassVar, Final

import structlog
from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError

from isflow.kernel.ids import token_digest
from isflow.workspaces.broadcast import broadcast
from isflow.workspaces.hub import Parcel, get_hub
from isflow.workspaces.live import STREAM_KINDS, group_name, person_group, whisper_message
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

log = structlog.get_logger(__name__)


class LiveConsumer(AsyncWebsocketConsumer):
    """Speaks JSON: subscribe, unsubscribe, ping, ack and whisper come in; frames and answers go out.

    Frames come from the process's hub, not from a channel of the socket's own. They wait while a message of
    the browser is answered or access is checked: the outcome decides what they mean, and whether they go out.
    """

    declared_access: ClassVar[str] = "workspace: membership at connect, each stream at subscribe"
    membership: Membership | None = None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Do what the browser says, one thing after the other, and leave nothing behind."""
        self.scope, self.base_send = scope, send
        self.hub = get_hub()
        self.meter = IncomingMeter()
        self.window = OutgoingWindow()
        self.subscriptions: dict[str, Subscription] = {}
        self.joined: set[str] = set()
        self.busy = 0
        self.held: deque[str] = deque()
        self.tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            return
        finally:
            self._leave()
            for task in self.tasks:
                task.cancel()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Do as Channels does, but without its hop to a thread for each message.

        The hop closes stale database connections; ours are used in threads that look after them themselves.
        """
        self.busy += 1
        try:
            await getattr(self, get_handler_name(message))(message)
        finally:
            await self._done()

    async def connect(self) -> None:
        """Accept first, so that the browser learns the close code; then look who it is."""
        await self.accept()
        found = await look_up(self.scope, self.scope["url_route"]["kwargs"]["slug"])
        if isinstance(found, Refusal):
            await self.close(found.code)
            return
        if not sockets.enter(found.user_id):
            await self.close(CLOSE_POLICY)
            return
        self.membership = found
        await self._join(person_group(found.user_id))
        self._start(self._recheck_regularly())
        await self._answer({"hello": found.user_id, "presence": found.presence})

    async def close(self, code: int | bool | None = None, reason: str | None = None) -> None:  # noqa: FBT001
        """Hear nothing more from this moment, and hang up."""
        self._leave()
        await super().close(code, reason)

    async def hear(self, parcels: Sequence[Parcel]) -> None:
        """Pass frames on to the browser, as far as it keeps up."""
        for parcel in parcels:
            if self.membership is None or not self.window.takes(parcel.stream, len(parcel.text)):
                continue
            if self.busy:
                self.held.append(parcel.text)
            else:
                await self._send_text(parcel.text)

    def notice(self, message: Mapping[str, Any]) -> None:
        """Hold frames back from now on until it is known what the news mean."""
        self.busy += 1
        self._start(self._obey(message))

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

    async def _obey(self, message: Mapping[str, Any]) -> None:
        try:
            if message["type"] == "access.recheck":
                await self._recheck()
            elif message["type"] == "access.ended":
                await self._end_session(message["session"])
        except Exception:
            # Nobody can say whether they may stay, so they may not; the browser connects anew.
            log.exception("live.recheck_failed")
            await self.close(CLOSE_RESTART)
        finally:
            await self._done()

    async def _recheck(self) -> None:
        """Close if the person has signed out or lost their place; reconnect if their rights have changed."""
        known = self.membership
        if known is None:
            return
        found = await look_up(self.scope, known.workspace.slug)
        if isinstance(found, Refusal):
            await self.close(found.code)
        elif access_mark(found) != access_mark(known):
            await self.close(CLOSE_RESTART)

    async def _end_session(self, digest: str) -> None:
        """Close if it is this browser's session that has just been signed out."""
        session_key = getattr(self.scope["session"], "session_key", None) or ""
        if token_digest(session_key) == digest:
            await self.close(NOT_SIGNED_IN)

    async def _recheck_regularly(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                await self._recheck()
            except DatabaseError as error:
                log.warning("live.recheck_postponed", error=type(error).__name__)
            if self.window.is_deaf:
                await self.close(CLOSE_BUSY)

    async def _subscribe(self, member: Membership, name: str) -> None:
        stream = await may_hear(member, name) if len(self.subscriptions) < MAX_STREAMS else None
        if stream is None:
            await self._answer({"refused": name})
            return
        # Join before reading the number: a frame in between comes twice rather than never.
        await self._join(group_name(member.workspace_id, stream))
        number = (await numbers_of(member.workspace_id, [stream]))[stream]
        self.subscriptions[name] = Subscription(name, stream, number)
        await self._answer({"subscribed": name, "stream": stream, "n": number})

    async def _unsubscribe(self, member: Membership, name: str) -> None:
        item = self.subscriptions.pop(name, None)
        if item is not None:
            self.hub.leave(group_name(member.workspace_id, item.stream), self)
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
        broadcast([whisper_message(member.workspace_id, item.stream, kind, data)])

    async def _answer(self, message: dict[str, Any]) -> None:
        await self._send_text(json.dumps(message))

    async def _send_text(self, text: str) -> None:
        await self.base_send({"type": "websocket.send", "text": text})

    async def _done(self) -> None:
        """Let the frames go that came meanwhile, unless something else is still under way."""
        while self.held and self.busy == 1:
            await self._send_text(self.held.popleft())
        self.busy -= 1

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _join(self, group: str) -> None:
        self.joined.add(group)
        await self.hub.join(group, self)
        if self.membership is None:
            # It was hung up meanwhile.
            self._leave()

    def _leave(self) -> None:
        """Leave all groups, and the person's other sockets one more place; may be called again."""
        member, self.membership = self.membership, None
        if member is not None:
            sockets.leave(member.user_id)
        while self.joined:
            self.hub.leave(self.joined.pop(), self)
        self.held.clear()


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
