"""The ear of a web process: it hears each group once, however many of its sockets listen.

With a channel of the layer for every socket, a frame for a thousand agents would be copied, decoded,
dispatched and encoded a thousand times.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

RENEW_SECONDS: Final = 60
"""How often all groups are joined again: the in-memory layer forgets channels that sleep for too long."""
SOCKETS_AT_ONCE: Final = 50
"""After so many the loop may turn: pages must not wait until a thousand sockets have their frame."""
AFTER_FAULT_SECONDS: Final = 1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One frame as every socket sends it."""

    stream: str
    text: str


class Listener(Protocol):
    """A socket, as the hub sees it."""

    async def hear(self, parcels: Sequence[Parcel]) -> None:
        """Take frames; must not wait for the browser."""

    def notice(self, message: Mapping[str, Any]) -> None:
        """Take news about the person's access, before anything that is heard later."""


class Hub:
    """Which sockets of this process listen to which groups, and the one channel on which they are heard."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._layer: Any = get_channel_layer()
        self._listeners: dict[str, dict[Listener, None]] = {}
        self._opening = asyncio.Lock()
        self._channel = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, group: str, listener: Listener) -> None:
        """Let a socket hear a group; what is sent to the group after this has returned will be heard."""
        await self._open()
        self._listeners.setdefault(group, {})[listener] = None
        # Always, not for the first alone: the one before may have failed, or still be on its way.
        await self._layer.group_add(group, self._channel)

    def leave(self, group: str, listener: Listener) -> None:
        """Let a socket hear a group no more, from this moment; unknown ones are nothing to worry about."""
        listeners = self._listeners.get(group, {})
        listeners.pop(listener, None)
        if group in self._listeners and not listeners:
            del self._listeners[group]
            # A task of its own: a socket that is cut off half-way must not leave the layer in between.
            self._spawn(self._discard(group))

    async def _open(self) -> None:
        async with self._opening:
            if not self._channel:
                self._channel = await self._layer.new_channel()
                self._spawn(self._read())
                self._spawn(self._renew())

    async def _read(self) -> None:
        while True:
            try:
                await self._pass_on(await self._layer.receive(self._channel))
            except Exception:
                log.exception("hub.unreadable")
                await asyncio.sleep(AFTER_FAULT_SECONDS)

    async def _pass_on(self, message: Mapping[str, Any]) -> None:
        listeners = self._listeners.get(message.get("group", ""), {})
        if message["type"] != "live.frames":
            for listener in list(listeners):
                listener.notice(message)
            return
        parcels = [Parcel(frame["s"], json.dumps(frame)) for frame in message["frames"]]
        for number, listener in enumerate(list(listeners), start=1):
            # Whoever has left while others were served must hear nothing more.
            if listener in listeners:
                await _give(listener, parcels)
            if number % SOCKETS_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            for group in list(self._listeners):
                if group in self._listeners:
                    await self._try(self._layer.group_add, group)

    async def _discard(self, group: str) -> None:
        # Somebody may have come meanwhile.
        if group not in self._listeners:
            await self._try(self._layer.group_discard, group)

    async def _try(self, change: Any, group: str) -> None:
        try:
            await change(group, self._channel)
        except (OSError, RedisError) as error:
            log.warning("hub.layer_away", error=type(error).__name__)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _give(listener: Listener, parcels: Sequence[Parcel]) -> None:
    """Serve one socket; its fault is not that of the others."""
    try:
        await listener.hear(parcels)
    except Exception:
        log.exception("hub.socket_failed")


_hub: Hub | None = None


def get_hub() -> Hub:
    """Return the hub of the loop that serves this process's sockets."""
    global _hub  # noqa: PLW0603 - one per process is the point
    if _hub is None or _hub.loop is not asyncio.get_running_loop():
        _hub = Hub()
    return _hub
