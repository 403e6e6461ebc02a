"""Kombu's memory transport, except that a publisher wakes the consumer at once."""

from __future__ import annotations

import threading
from queue import Empty
from time import monotonic
from typing import Any

from kombu.transport import memory

LONGEST_WAIT = 2.0
# The worker's loop looks at its stop flag between waits.
STOP_CHECK = 0.05

wake = threading.Event()


class Channel(memory.Channel):
    """A channel whose puts set the shared wake-up event."""

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        super()._put(queue, message, **kwargs)
        wake.set()

    def _put_fanout(self, exchange: str, message: Any, routing_key: str | None = None, **kwargs: Any) -> None:
        super()._put_fanout(exchange, message, routing_key, **kwargs)
        wake.set()


class Transport(memory.Transport):
    """Memory transport with an event in place of a polling interval."""

    Channel = Channel
    polling_interval = None

    def drain_events(self, connection: Any, timeout: float | None = None, **kwargs: Any) -> None:  # noqa: ARG002 - kombu's
        """Deliver the next message, or raise TimeoutError when none came in a moment."""
        cycle: Any = self.cycle
        end = monotonic() + (timeout or LONGEST_WAIT)
        while True:
            wake.clear()
            try:
                cycle.get(self._deliver, timeout=timeout)
            except Empty:
                left = end - monotonic()
                if left <= 0 or not wake.wait(min(left, STOP_CHECK)):
                    raise TimeoutError from None
            else:
                return
