"""Calls to the outside world: made concurrently, with no transaction open, while leases are renewed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Event, Lock, Thread

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from structlog.contextvars import bound_contextvars

from isflow.infra import http
from workflows.contract import Answer, CallRefused, CallUnknown, HttpAnswered, HttpCall
from workflows.engine import claims
from workflows.engine.claims import Claim

AT_ONCE = 32
RENEWALS_PER_LEASE = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that a run has announced by a committed intent."""

    run_id: int
    seq: int
    request: HttpCall


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back for the call of one visit."""

    seq: int
    answer: Answer


def perform(calls: Sequence[PendingCall], claim: Claim) -> dict[int, Returned]:
    """Make the calls and return what came back, by run id. Never raises for what the other side does."""
    with _keeper().holding(claim):
        answers = [_call(calls[0])] if len(calls) == 1 else list(_pool().map(_call, calls))
    return {call.run_id: Returned(call.seq, answer) for call, answer in zip(calls, answers, strict=True)}


def _call(call: PendingCall) -> Answer:
    with bound_contextvars(run_id=call.run_id, visit=call.seq):
        return _answer_to(call.request)


def _answer_to(request: HttpCall) -> Answer:
    try:
        answer = http.send(
            http.HttpRequest(
                method=request.method,
                url=request.url,
                headers=request.headers,
                body=request.body.encode() if request.body is not None else None,
                timeout=request.timeout_seconds,
                secret_headers=request.secret_headers,
            )
        )
    except http.HttpRefused as refused:
        return CallRefused(str(refused))
    except http.HttpUnknown as unknown:
        return CallUnknown(str(unknown))
    body = answer.body.decode("utf-8", errors="replace")
    return HttpAnswered(answer.status, body, dict(answer.headers))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="isflow-calls")


@cache
def _keeper() -> LeaseKeeper:
    return LeaseKeeper()


class LeaseKeeper:
    """One thread per process that prolongs the leases of claims whose calls are in flight."""

    def __init__(self) -> None:
        self._claims: dict[int, Claim] = {}
        self._lock = Lock()
        self._wanted = Event()
        self._thread: Thread | None = None

    @contextmanager
    def holding(self, claim: Claim) -> Iterator[None]:
        """Keep the claim's leases alive while the block runs."""
        with self._lock:
            self._claims[claim.token] = claim
            if self._thread is None:
                self._thread = Thread(target=self._renew_for_ever, name="isflow-leases", daemon=True)
                self._thread.start()
        self._wanted.set()
        try:
            yield
        finally:
            with self._lock:
                del self._claims[claim.token]

    def _renew_for_ever(self) -> None:
        pause = Event()
        while True:
            self._wanted.wait()
            # The first renewal comes late enough that quick calls cost no statement.
            pause.wait(settings.ISFLOW_LEASE_SECONDS / RENEWALS_PER_LEASE)
            with self._lock:
                held = list(self._claims.values())
                if not held:
                    self._wanted.clear()
            if held:
                self._renew(held)

    def _renew(self, held: list[Claim]) -> None:
        try:
            claims.renew(held)
        except DatabaseError:
            log.exception("leases.not_renewed", claims=len(held))
        finally:
            connection.close()
