"""A worker looks at itself: rows are due, yet it has done nothing for half a minute. Then it makes way.

A worker can stay connected to its broker and hear nothing any more. Nobody notices but the worker itself.
It first gives itself the hint that beat should have given, so that a silent beat is not taken for deafness.
If that does not reach it either, the process ends with an error and its supervisor starts another.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

import redis
import structlog
from celery.signals import task_prerun, worker_ready, worker_shutting_down
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connections

from isflow.infra.tasks import HINT_TASKS

EVERY: Final = 5.0
"""Seconds between two looks."""
HINT_AFTER: Final = 10.0
"""Seconds of doing nothing, with rows due, after which a worker gives itself a hint."""
DUE_AGE: Final = 5.0
"""Seconds that a row may be due before it counts."""
EXIT_CODE: Final = 1

log = structlog.get_logger(__name__)

_due: dict[str, Callable[[], float]] = {}


def register_due(hint: str, oldest: Callable[[], float]) -> None:
    """Have ``oldest()`` looked at: seconds since when the oldest row is due that any worker could take now.

    ``hint`` is what makes a worker take it. Rows under somebody's lease, or set aside, must not count.
    """
    _due[hint] = oldest


class SelfCheck:
    """Counts the looks in a row at which this worker had done nothing although it should have.

    It counts looks, not time: a process that was frozen finds no half minute behind it when it thaws.
    """

    def __init__(self, hints: list[str], limit: float) -> None:
        self.hints, self.limit = hints, limit
        self.quiet = 0.0
        self._is_active = False

    def note(self, **_signal: object) -> None:
        """A task has begun: this worker hears what it is told."""
        self._is_active = True

    def look(self) -> bool:
        """Look once; whether this process is of no use any more. To be called every five seconds."""
        was_active, self._is_active = self._is_active, False
        late = [] if was_active else self._late()
        if not late:
            self.quiet = 0.0
            return False
        self.quiet += EVERY
        if self.quiet >= self.limit:
            return True
        if self.quiet >= HINT_AFTER:
            for name in late:
                HINT_TASKS[name].publish()
        return False

    def _late(self) -> list[str]:
        """Return the hints whose rows wait; none while a part that we need is away."""
        try:
            cache.get("isflow:selfcheck")
            return [name for name in self.hints if _due[name]() > DUE_AGE]
        except (DatabaseError, redis.RedisError, OSError):
            return []


def connect() -> None:
    """Let every worker that serves hinted queues watch itself from the moment it is ready."""
    worker_ready.connect(_begin, dispatch_uid="isflow.selfcheck")


def _begin(sender: Any, **_signal: object) -> None:
    served = set(sender.app.amqp.queues.consume_from)
    hints = [name for name in _due if name in HINT_TASKS and HINT_TASKS[name].queue in served]
    if not hints:
        return
    check = SelfCheck(hints, settings.ISFLOW_DEAF_SECONDS)
    is_over = threading.Event()
    task_prerun.connect(check.note, weak=False, dispatch_uid="isflow.selfcheck")
    worker_shutting_down.connect(lambda **_: is_over.set(), weak=False, dispatch_uid="isflow.selfcheck")
    threading.Thread(target=_watch, args=(check, is_over), name="selfcheck", daemon=True).start()


def _watch(check: SelfCheck, is_over: threading.Event) -> None:
    while not is_over.wait(EVERY):
        is_deaf = check.look()
        connections.close_all()
        if is_deaf:
            log.error("worker.deaf", seconds=check.quiet, hints=check.hints)
            _make_way()
            check.quiet = 0.0


def _make_way() -> None:
    """End the process. The one-process installation stays; its health page tells that nobody works."""
    if settings.ISFLOW_EMBEDDED:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_CODE)
