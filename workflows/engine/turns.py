"""Threads of one process take turns at the engine: side by side they would only cut its batches into pieces.

Whoever comes while another works leaves at once, having said that there is more to do. While a thread waits
for calls to the outside world it lends its turn; on its return it goes before everybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, local

from isflow.infra.tasks import hint


class Turns:
    """One turn for all threads that share it."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._count = Lock()
        self._returning = 0
        self._wanted = False
        self._mine = local()

    def take(self, work: Callable[[Callable[[], bool]], int]) -> int:
        """Work until nobody wants more; nothing if somebody else has the turn. Returns the sum of ``work``.

        ``work`` is given a function that says when to make way for a thread that comes back.
        """
        self._wanted = True
        total = 0
        while self._wanted and not self.is_awaited() and self._turn.acquire(blocking=False):
            self._mine.has_turn = True
            try:
                self._wanted = False
                total += work(self.is_awaited)
            finally:
                self._mine.has_turn = False
                self._turn.release()
        return total

    def is_awaited(self) -> bool:
        """Whether a thread is back from its calls and wants to go on with what it has claimed."""
        return self._returning > 0

    @contextmanager
    def away(self) -> Iterator[None]:
        """Lend the turn while the block runs; no effect for a thread that has none."""
        if not getattr(self._mine, "has_turn", False):
            yield
            return
        self._turn.release()
        if self._wanted:
            # Those who left without working believed that we would do it.
            hint("engine")
        try:
            yield
        finally:
            with self._count:
                self._returning += 1
            self._turn.acquire()
            with self._count:
                self._returning -= 1


turns = Turns()
"""The turn of this process."""
