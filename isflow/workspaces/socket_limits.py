"""Bounds of one socket: how much a browser may send, and how much may lie unread on the way to it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

MAX_MESSAGE_BYTES: Final = 64 * 1024
MAX_MESSAGES_PER_SECOND: Final = 20
MAX_SOCKETS_PER_USER: Final = 20
MAX_UNREAD_FRAMES: Final = 256
MAX_UNREAD_BYTES: Final = 1024 * 1024
MAX_DEAF_SECONDS: Final = 30
"""How long a browser may leave a full buffer unread before it is hung up on."""

Clock = Callable[[], float]


class IncomingMeter:
    """Counts the messages of the last second."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._arrivals: deque[float] = deque(maxlen=MAX_MESSAGES_PER_SECOND)

    def accepts(self, size: int) -> bool:
        """Count a message of ``size`` bytes; False if it is too big or one too many."""
        now = self._clock()
        full = len(self._arrivals) == MAX_MESSAGES_PER_SECOND
        if size > MAX_MESSAGE_BYTES or (full and now - self._arrivals[0] < 1):
            return False
        self._arrivals.append(now)
        return True


class OutgoingWindow:
    """What was sent and not yet acknowledged; beyond the bound frames are dropped and their streams noted."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._acknowledged = 0
        self._lost: set[str] = set()
        self._deaf_since: float | None = None

    def takes(self, stream: str, size: int) -> bool:
        """Count a frame; False if it must be dropped because the browser does not keep up."""
        if len(self._sizes) >= MAX_UNREAD_FRAMES or self._bytes + size > MAX_UNREAD_BYTES:
            self._lost.add(stream)
            self._deaf_since = self._deaf_since or self._clock()
            return False
        self._sizes.append(size)
        self._bytes += size
        return True

    def acknowledge(self, total: int) -> set[str]:
        """Note that ``total`` frames in all were read; return the streams that lost some meanwhile."""
        for _ in range(min(total - self._acknowledged, len(self._sizes))):
            self._bytes -= self._sizes.popleft()
            self._acknowledged += 1
        if len(self._sizes) >= MAX_UNREAD_FRAMES:
            return set()
        lost, self._lost, self._deaf_since = self._lost, set(), None
        return lost

    @property
    def is_deaf(self) -> bool:
        """Whether the buffer has been full for too long."""
        return self._deaf_since is not None and self._clock() - self._deaf_since > MAX_DEAF_SECONDS


class SocketCounter:
    """How many sockets each person holds in this process; used from the one loop that serves them."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()
        self._total = 0

    @property
    def total(self) -> int:
        """How many sockets are open in this process; other threads may ask, too."""
        return self._total

    def enter(self, user_id: int) -> bool:
        """Count a socket; False (and not counted) if the person has too many."""
        if self._open[user_id] >= MAX_SOCKETS_PER_USER:
            return False
        self._open[user_id] += 1
        self._total += 1
        return True

    def leave(self, user_id: int) -> None:
        """Forget a socket."""
        self._open[user_id] -= 1
        self._total -= 1
        if self._open[user_id] <= 0:
            del self._open[user_id]


sockets = SocketCounter()
"""Those of this process."""
