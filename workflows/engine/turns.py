"""Threads of one process take turns at the engine: side by side they would only cut its batches into pieces.

Whoever comes while another works leaves at once, having said that there is more to do.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, get_ident


class Turns:
    """One turn for all threads that share it."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._wanted = False
        self._holder = 0

    def ask(self) -> bool:
        """Have whoever works now look once more; whether somebody works. Whoever works will look anyway."""
        if self._holder == get_ident():
            return True
        self._wanted = True
        return self._turn.locked()

    def take(self, work: Callable[[], int]) -> int:
        """Work until nobody wants more, or not at all if somebody else works; returns the sum of ``work``."""
        self._wanted = True
        total = 0
        while self._wanted and self._turn.acquire(blocking=False):
            try:
                self._wanted = False
                self._holder = get_ident()
                total += work()
            finally:
                self._holder = 0
                self._turn.release()
        return total


turns = Turns()
"""The turn of this process."""
