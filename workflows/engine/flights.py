"""Calls of this process that are under way: no thread that works for others ever waits for one.

A burst announces its calls by committed intents and hands them over here. They are made by threads of their
own, at most so many for one workspace, so that an endpoint that hangs holds up nobody else. What comes back
is written down, many at once, by whoever pulls next.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Event, Thread
from time import monotonic

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from isflow.infra.faults import declare, fault_point
from workflows.contract import Answer, CallUnknown
from workflows.engine import claims
from workflows.engine.calls import PendingCall, Returned, make
from workflows.engine.claims import Claim

declare("runner.before_call", "runner.after_call")

AT_ONCE = 32
"""Calls of one workspace that are made at the same time; with so many under way nothing more is claimed."""
THREADS = 8 * AT_ONCE
LINGER = 0.1
"""Seconds that the first answer waits for others that are under way, so that they share a transaction."""
RENEWALS_PER_LEASE = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Landing:
    """Answers for runs of one workspace, and the right to write them down."""

    claim: Claim
    answers: dict[int, Returned]


class Flights:
    """What is under way, and what is back but not yet written down."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._out: dict[tuple[int, int], PendingCall] = {}
        self._queues: defaultdict[int, deque[PendingCall]] = defaultdict(deque)
        self._flying: Counter[int] = Counter()
        self._back: list[tuple[PendingCall, Answer]] = []
        self._ripe_at = 0.0
        self._landing = 0
        self._pool: ThreadPoolExecutor | None = None
        self._on_return: Callable[[], object] | None = None
        self.is_closing = False

    def launch(self, calls: Sequence[PendingCall]) -> None:
        """Make these calls, whose intents are committed; returns at once."""
        if not calls:
            return
        fault_point("runner.before_call")
        with self._changed:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="isflow-calls")
                Thread(target=self._keep_leases, name="isflow-leases", daemon=True).start()
            for call in calls:
                self._out[call.run_id, call.seq] = call
                self._queues[call.workspace_id].append(call)
            for workspace_id in {call.workspace_id for call in calls}:
                self._take_off(workspace_id)
            self._changed.notify_all()

    @property
    def is_ripe(self) -> bool:
        """Whether what is back should be written down now: it is all, or a batch, or it waits too long."""
        with self._changed:
            full = len(self._back) >= settings.ISFLOW_BATCH
            return bool(self._back) and (full or not self._out or monotonic() >= self._ripe_at)

    @contextmanager
    def landing(self) -> Iterator[list[Landing]]:
        """Give what is back to the block, which writes it down; no landing holds more than a batch."""
        with self._changed:
            back, self._back = self._back, []
            self._landing += 1
        try:
            if back:
                fault_point("runner.after_call")
            yield _landings(back)
        finally:
            with self._changed:
                self._landing -= 1
                self._changed.notify_all()

    def crowded(self) -> frozenset[int]:
        """Workspaces that have as many calls under way as they may."""
        with self._changed:
            counts = Counter(call.workspace_id for call in self._out.values())
        return frozenset(pk for pk, count in counts.items() if count >= AT_ONCE)

    def wait(self) -> bool:
        """Wait until something is ripe. False at once if nothing is under way or a watcher takes care."""
        with self._changed:
            if self._on_return is not None or self._is_idle():
                return False
            self._ripen(self._is_idle)
        return True

    def watch(self, on_return: Callable[[], object]) -> None:
        """Have ``on_return`` called by a thread of ours whenever something is back that nobody has taken."""
        with self._changed:
            if self._on_return is None:
                self._on_return = on_return
                Thread(target=self._attend, name="isflow-flights", daemon=True).start()

    def close(self) -> None:
        """Say that this process ends, and wait until all that is under way is written down."""
        self.is_closing = True
        with self._changed:
            self._changed.wait_for(lambda: self._is_idle() and not self._landing)

    def _is_idle(self) -> bool:
        return not (self._out or self._back)

    def _take_off(self, workspace_id: int) -> None:
        """Make as many of a workspace's calls as it has free places; needs the lock."""
        queue = self._queues[workspace_id]
        while queue and self._pool is not None and self._flying[workspace_id] < AT_ONCE:
            self._flying[workspace_id] += 1
            self._pool.submit(self._fly, queue.popleft())
        if not queue:
            del self._queues[workspace_id]

    def _fly(self, call: PendingCall) -> None:
        try:
            answer = make(call)
        except Exception as error:  # a fault of ours may show before or after the call: nobody can know
            log.exception("call.failed", run_id=call.run_id)
            answer = CallUnknown(f"{type(error).__name__}: {error}"[:500])
        with self._changed:
            if not self._back:
                self._ripe_at = monotonic() + LINGER
            del self._out[call.run_id, call.seq]
            self._back.append((call, answer))
            self._flying[call.workspace_id] -= 1
            self._take_off(call.workspace_id)
            # Whoever waits need not look at every single answer.
            if len(self._back) == 1 or self.is_ripe:
                self._changed.notify_all()

    def _ripen(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Wait until something is ripe, or there is nothing more to wait for; needs the lock."""
        while not (self.is_ripe or is_over()):
            self._changed.wait(max(self._ripe_at - monotonic(), 0.001) if self._back else None)

    def _attend(self) -> None:
        while True:
            with self._changed:
                self._ripen()
            try:
                if self._on_return is not None:
                    self._on_return()
            except Exception:
                log.exception("flights.not_landed")
            finally:
                connection.close()
            with self._changed:
                # Somebody else has the turn and will land them; look again, lest it was too late for that.
                if self._back:
                    self._changed.wait(LINGER)

    def _keep_leases(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._out)
            # The first renewal comes late enough that quick calls cost no statement.
            Event().wait(settings.ISFLOW_LEASE_SECONDS / RENEWALS_PER_LEASE)
            with self._changed:
                held = [(call.run_id, call.token) for call in self._out.values()]
            try:
                claims.renew(held)
            except DatabaseError:
                log.exception("leases.not_renewed", calls=len(held))
            finally:
                connection.close()


def _landings(back: Sequence[tuple[PendingCall, Answer]]) -> list[Landing]:
    groups: defaultdict[int, list[tuple[PendingCall, Answer]]] = defaultdict(list)
    for call, answer in back:
        groups[call.workspace_id].append((call, answer))
    size = settings.ISFLOW_BATCH
    return [
        _one_landing(workspace_id, group[start : start + size])
        for workspace_id, group in groups.items()
        for start in range(0, len(group), size)
    ]


def _one_landing(workspace_id: int, back: Sequence[tuple[PendingCall, Answer]]) -> Landing:
    contacts = {call.run_id: call.contact_id for call, _ in back}
    tokens = {call.run_id: call.token for call, _ in back}
    answers = {call.run_id: Returned(call.seq, answer) for call, answer in back}
    return Landing(Claim(workspace_id, contacts, tokens), answers)


flights = Flights()
"""The calls of this process."""
