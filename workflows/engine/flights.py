"""Calls of this process that are under way: no thread that works for others ever waits for one.

A burst announces its calls by committed intents and hands them over here. They are made by threads of their
own, at most so many for one workspace, so that an endpoint that hangs holds up nobody else. What comes back
is written down, many at once, by whoever pulls next; while the database is away it is kept, in order, and
its lease is renewed as soon as that is possible. Whether it still counts then, the token decides.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition, Event, Thread
from time import monotonic

import structlog
from django.conf import settings
from django.db import connection

from isflow.infra.db import DATABASE_TROUBLE
from isflow.infra.faults import declare, fault_point
from workflows.contract import CallUnknown
from workflows.engine import claims
from workflows.engine.arrivals import Arrival, Landing, landings
from workflows.engine.calls import Key, PendingCall, make

declare("runner.before_call")

AT_ONCE = 32
"""Calls of one workspace that are made at the same time; with so many under way nothing more is claimed."""
THREADS = 8 * AT_ONCE
LINGER = 0.1
"""Seconds that the first answer waits for others that are under way, so that they share a transaction."""
AGAIN_SECONDS = 0.25
"""Pause of who waits for the database that did not hear us."""
STUBBORN_SECONDS = 60.0
"""How long the lease of an answer is renewed that cannot be written down. Should the answer itself be the
reason, the lease then runs out, somebody else takes the run over, and the token ends our trying."""
RENEWALS_PER_LEASE = 3

log = structlog.get_logger(__name__)


class Flights:
    """What is under way, and what is back but not yet written down.

    A call holds its place among those of its workspace until it is back, for the place protects the endpoint
    and our threads. What waits to be written down needs none: while the database is away nothing new begins.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._out: dict[Key, PendingCall] = {}
        self._queues: defaultdict[int, deque[PendingCall]] = defaultdict(deque)
        self._flying: Counter[int] = Counter()
        self._back: dict[Key, Arrival] = {}
        self._landing: dict[Key, Arrival] = {}
        self._ripe_at = self._rests_until = 0.0
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
                self._out[call.key] = call
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

    def land(self, write: Callable[[Landing], Collection[int]]) -> int:
        """Have what is back written down, if it is time; returns how many answers were.

        ``write`` writes no more than a batch. It returns the runs of which the database would hear nothing
        now, having handed over no call for them: their answers are kept and come again.
        """
        with self._changed:
            if not self.is_ripe:
                return 0
            back, self._back = self._back, {}
            self._landing |= back
        kept: dict[Key, Arrival] = {}
        try:
            for landing in landings(back.values()):
                kept |= {key: back[key] for key in map(landing.key, _written(write, landing))}
        finally:
            with self._changed:
                for key in back:
                    del self._landing[key]
                if kept:
                    self._back = kept | self._back
                    self._rests_until = monotonic() + AGAIN_SECONDS
                self._changed.notify_all()
        return len(back) - len(kept)

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
        """Say that this process ends, and wait until all that is under way is written down.

        Calls end by their own limits; what is not written down a lease after that is left.
        """
        self.is_closing = True
        with self._changed:
            while not self._is_over():
                self._changed.wait_for(lambda: not self._out)
                if not self._changed.wait_for(
                    lambda: self._out or self._is_over(), settings.ISFLOW_LEASE_SECONDS
                ):
                    log.warning("flights.left", calls=len(self._back) + len(self._landing))
                    return

    def _is_idle(self) -> bool:
        """Whether there is nothing to wait for but what another thread is writing down."""
        return not (self._out or self._back)

    def _is_over(self) -> bool:
        return self._is_idle() and not self._landing

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
            del self._out[call.key]
            self._back[call.key] = Arrival(call, answer, monotonic())
            self._flying[call.workspace_id] -= 1
            self._take_off(call.workspace_id)
            # Whoever waits need not look at every single answer.
            if len(self._back) == 1 or self.is_ripe:
                self._changed.notify_all()

    def _ripen(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Wait until something is ripe, or there is nothing more to wait for; needs the lock.

        Only who waits rests after the database did not hear us: who claims runs lands before that, lest it
        takes for lost what is here.
        """
        while not ((self.is_ripe and monotonic() >= self._rests_until) or is_over()):
            next_at = max(self._ripe_at, self._rests_until)
            self._changed.wait(max(next_at - monotonic(), 0.001) if self._back else None)

    def _attend(self) -> None:
        while True:
            with self._changed:
                self._ripen()
            try:
                if self._on_return is not None:
                    self._on_return()
            except DATABASE_TROUBLE as error:
                log.warning("flights.not_landed", error=type(error).__name__)
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
                self._changed.wait_for(self._held)
            # The first renewal comes late enough that quick calls cost no statement.
            _pause(settings.ISFLOW_LEASE_SECONDS / RENEWALS_PER_LEASE)
            while not self._renew():
                _pause(AGAIN_SECONDS)

    def _renew(self) -> bool:
        """Prolong the leases of all that is not written down; whether the database heard us."""
        with self._changed:
            held = self._held()
        try:
            claims.renew(held)
        except DATABASE_TROUBLE as error:
            log.warning("leases.not_renewed", calls=len(held), error=type(error).__name__)
            return False
        except Exception:  # whatever it is, the next ones must be renewed
            log.exception("leases.not_renewed", calls=len(held))
        finally:
            connection.close()
        return True

    def _held(self) -> list[tuple[int, int]]:
        """Run and token of each call whose lease is to be renewed; needs the lock."""
        since = monotonic() - STUBBORN_SECONDS
        back = [one.call for one in (*self._landing.values(), *self._back.values()) if one.at > since]
        return [(call.run_id, call.token) for call in (*self._out.values(), *back)]


def _pause(seconds: float) -> None:
    Event().wait(seconds)


def _written(write: Callable[[Landing], Collection[int]], landing: Landing) -> Collection[int]:
    """The runs whose answers are kept; a fault of ours in one landing harms no other."""
    try:
        return write(landing)
    except Exception:
        log.exception("flights.landing_failed", runs=len(landing.answers))
        return ()


flights = Flights()
"""The calls of this process."""
