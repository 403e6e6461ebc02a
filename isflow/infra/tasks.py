"""Hints: after a commit, tell a queue that it may have work. The database, not the hint, is the truth."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from celery import current_app
from celery.exceptions import CeleryError
from django.db import transaction
from django.utils.module_loading import autodiscover_modules
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

EXPIRES = 3
"""Seconds after which a hint that nobody took is worthless; the sweeper has looked by then."""
WINDOW = 0.02
"""Seconds in which a process publishes a hint once, and once more at the end if it was given meanwhile."""
LONGEST_WINDOW = 0.08
"""To which the window grows while hints come without a pause, so that their work is done in batches."""
SHARED_WINDOW = 0.25
"""Seconds between two hints that only tell other processes of what this one is at already."""
QUIET = 1.0
"""Seconds without publishing after the broker failed, so that a dead broker does not slow every commit."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class HintTask:
    """The task that a hint starts, and the queue it travels on."""

    task: str
    queue: str
    publish: Callable[[], None]


HINT_TASKS: dict[str, HintTask] = {}
"""Every known hint by name; filled by ``register_hint`` from the apps' tasks modules."""

_hearers: dict[str, Callable[[], bool]] = {}
# Not a context variable: threads that a test starts must be captured as well.
_captures: list[list[str]] = []
_quiet_until = 0.0


def register_hint(name: str, *, task: str, queue: str) -> None:
    """Make ``hint(name)`` start the Celery task ``task`` on ``queue``.

    Registering it again is harmless; another meaning for a known name raises ValueError.
    """
    known = HINT_TASKS.get(name)
    if known is None:
        HINT_TASKS[name] = HintTask(task, queue, _Publisher(name, task, queue).publish)
    elif (known.task, known.queue) != (task, queue):
        raise ValueError(f"The hint {name!r} is already registered for {known.task!r}.")


def attend_hint(name: str, hear: Callable[[], bool]) -> None:
    """Let this process hear its own hints: ``hear`` says whether somebody here sees to it anyway."""
    _hearers[name] = hear


def hint(name: str) -> None:
    """Say, once the transaction is durable, that there may be work. It may be lost, doubled or late.

    Several calls in one transaction publish once. An unregistered name raises LookupError.
    """
    entry = _known(name)
    if entry is None:
        return
    # An entry still in this list falls only with a savepoint that we are inside of too, so it speaks for us.
    pending = transaction.get_connection().run_on_commit
    if not any(callback is entry.publish for _, callback, *_ in pending):
        transaction.on_commit(entry.publish, robust=True)


def hint_now(name: str) -> None:
    """The same at once, for code that has written nothing; it touches no database connection."""
    entry = _known(name)
    if entry is not None:
        entry.publish()


@contextmanager
def captured_hints() -> Iterator[list[str]]:
    """Collect the names of hints as they are given, registered or not, publishing none; for tests."""
    captures, names = _captures, list[str]()
    captures.append(names)
    try:
        yield names
    finally:
        captures.pop()


def _known(name: str) -> HintTask | None:
    """The hint of that name, or None, having noted it, while hints are captured."""
    if _captures:
        _captures[-1].append(name)
        return None
    if name not in HINT_TASKS:
        # Only workers import all tasks at start; whoever else gives hints does so now, once.
        autodiscover_modules("tasks")
    if name not in HINT_TASKS:
        raise LookupError(f"The hint {name!r} is not registered.")
    return HINT_TASKS[name]


class _Publisher:
    """Sends a hint at once, unless it has just been sent: then once when the window ends."""

    def __init__(self, name: str, task: str, queue: str) -> None:
        self._hint = (name, task, queue)
        self._renew()
        # In a forked child no timer of the parent ticks, and a lock could stay locked for ever.
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._window = WINDOW
        self._sent_at = -math.inf

    def publish(self) -> None:
        """Send now, or when the window ends, or not at all if this process sees to it."""
        hear = _hearers.get(self._hint[0])
        is_heard = hear is not None and hear()
        with self._lock:
            now = time.monotonic()
            if self._timer is not None or (is_heard and now < self._sent_at + SHARED_WINDOW):
                return
            left = self._sent_at + self._window - now
            if left > 0:
                self._timer = threading.Timer(left, self._late)
                self._timer.daemon = True
                self._timer.start()
                return
            self._window = max(self._window / 2, WINDOW)
            self._sent_at = now
        _send(*self._hint)

    def _late(self) -> None:
        with self._lock:
            self._timer = None
            self._window = min(self._window * 2, LONGEST_WINDOW)
            self._sent_at = time.monotonic()
        _send(*self._hint)


def _send(name: str, task: str, queue: str) -> None:
    """Send one hint; a broker that fails is logged and left alone for a moment."""
    global _quiet_until  # noqa: PLW0603 - one clock per process is the point
    if time.monotonic() < _quiet_until:
        return
    try:
        current_app.send_task(task, queue=queue, expires=EXPIRES, ignore_result=True, retry=False)
    except (OSError, KombuError, CeleryError, RedisError) as error:
        _quiet_until = time.monotonic() + QUIET
        log.warning("hint.lost", hint=name, error=type(error).__name__)
