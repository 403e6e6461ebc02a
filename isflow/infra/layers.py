"""The channel layer of the one-process mode."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from channels.layers import InMemoryChannelLayer

Send = Callable[..., Coroutine[Any, Any, None]]


class ThreadedInMemoryChannelLayer(InMemoryChannelLayer):
    """In-memory layer whose sends hop to the server's loop when they come from another thread.

    The queues belong to that loop: a put from elsewhere would lie there until the loop wakes by chance.
    Nobody waits for the hop, because the loop may already have stopped.
    """

    home: ClassVar[asyncio.AbstractEventLoop | None] = None
    """The loop that serves the sockets; set once by the serving command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Put a message for one channel on the server's loop."""
        await self._hop(super().send, channel, message)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Put a message for every channel of a group on the server's loop."""
        await self._hop(super().group_send, group, message)

    async def _hop(self, send: Send, *args: Any) -> None:
        if self.home is None or asyncio.get_running_loop() is self.home:
            await send(*args)
            return
        try:
            self.home.call_soon_threadsafe(self._spawn, self.home, send, args)
        except RuntimeError:
            # The loop is closed, and with it every socket that could have listened.
            return

    def _spawn(self, loop: asyncio.AbstractEventLoop, send: Send, args: tuple[Any, ...]) -> None:
        task = loop.create_task(send(*args))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
