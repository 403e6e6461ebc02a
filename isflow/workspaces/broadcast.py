"""Sending to socket groups from plain threads, without waiting: one long-lived loop per process.

A loop of its own for each send would open new Redis connections each time (ten times the CPU).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import structlog
from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

TIMEOUT_SECONDS: Final = 5
MAX_PENDING: Final = 1_000
"""Sends that may wait for a frozen layer; more are dropped, because clients find gaps by themselves."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class GroupMessage:
    """One message for every socket of a group."""

    group: str
    message: dict[str, Any]

    @property
    def wire(self) -> dict[str, Any]:
        """The message as it travels: whoever listens to many groups on one channel must know which it was."""
        return {**self.message, "group": self.group}


class _Sender:
    """The loop thread and what is under way on it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.pending = 0
        self.thread = threading.Thread(target=self.loop.run_forever, name="isflow-broadcast", daemon=True)
        self.thread.start()

    def submit(self, messages: Sequence[GroupMessage]) -> None:
        if self.pending >= MAX_PENDING:
            log.warning("broadcast.dropped", messages=len(messages))
            return
        self.pending += 1
        asyncio.run_coroutine_threadsafe(self._send(messages), self.loop)

    def close(self) -> None:
        """End the thread; what is under way is dropped."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _send(self, messages: Sequence[GroupMessage]) -> None:
        layer = get_channel_layer()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                for item in messages:
                    await layer.group_send(item.group, item.wire)
        except (OSError, RedisError, ChannelFull, TimeoutError) as error:
            log.warning("broadcast.lost", messages=len(messages), error=type(error).__name__)
        finally:
            self.pending -= 1


_lock = threading.Lock()
_sender: _Sender | None = None
_captured: ContextVar[list[GroupMessage] | None] = ContextVar("isflow_broadcasts", default=None)


def broadcast(messages: Sequence[GroupMessage]) -> None:
    """Hand messages to the sockets' layer at once and go on; they may be lost, never late without bound."""
    if not messages:
        return
    captured = _captured.get()
    if captured is not None:
        captured.extend(messages)
        return
    _get_sender().submit(messages)


@contextmanager
def captured_broadcasts() -> Iterator[list[GroupMessage]]:
    """Collect messages instead of sending them; for tests."""
    messages: list[GroupMessage] = []
    token = _captured.set(messages)
    try:
        yield messages
    finally:
        _captured.reset(token)


def _get_sender() -> _Sender:
    """Return this process's sender; a forked child needs its own, threads do not survive a fork."""
    global _sender  # noqa: PLW0603 - one loop per process is the point
    with _lock:
        if _sender is None or _sender.pid != os.getpid():
            _sender = _Sender()
        return _sender
