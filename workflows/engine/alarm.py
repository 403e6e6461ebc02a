"""Hints at the moment when the next run comes due, so that a wait need not end with the sweep.

It only makes waits end sooner: what it misses, the sweep finds within a second.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Condition, Thread
from time import monotonic

import structlog

from isflow.infra.tasks import hint_now
from workflows.engine.clock import now

log = structlog.get_logger(__name__)

GATHER = 0.1
"""Seconds that an alarm lies ahead at least, so that many timers in a row are one batch and no busy loop."""


class Alarm:
    """Calls ``ring`` once at the earliest of the instants it was set to; a thread lives until then."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._changed = Condition()
        self._at: float | None = None
        self._thread: Thread | None = None

    def set(self, at: datetime) -> None:
        """Ring at that instant, unless it rings earlier anyway."""
        rings = monotonic() + max((at - now()).total_seconds(), GATHER)
        with self._changed:
            if self._at is not None and self._at <= rings:
                return
            self._at = rings
            if self._thread is None:
                # A daemon: a process that ends does not wait for it.
                self._thread = Thread(target=self._run, name="isflow-alarm", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while self._wait():
            try:
                self._ring()
            except Exception:
                log.exception("alarm.failed")

    def _wait(self) -> bool:
        """Whether it is time to ring; False, and the thread ends, when nothing is set."""
        with self._changed:
            while self._at is not None:
                left = self._at - monotonic()
                if left <= 0:
                    self._at = None
                    return True
                self._changed.wait(left)
            self._thread = None
            return False


alarm = Alarm(lambda: hint_now("engine"))
"""The alarm of this process."""
