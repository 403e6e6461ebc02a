"""Who works on what: a claim is one UPDATE that sets a lease and a fencing token.

Claiming moves ``wake_at`` to the end of the lease. A run whose worker died is thereby due again by itself. It
is then claimed with few others, and after that alone, for it may be the reason why its worker died.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection

from isflow.infra.db import is_postgres, update_many
from isflow.infra.faults import declare, fault_point
from workflows.engine.clock import now
from workflows.models import Run

HORIZON = timedelta(seconds=1.5)
"""How far the outlook reaches: a little further than from one sweep to the next."""

FEW = 10
"""Runs left behind once that are claimed together."""

declare("claims.before_claim", "claims.after_claim")

_CLAIM = """
UPDATE workflows_run SET
    lease_token = %s, lease_until = %s, wake_at = %s,
    lost_leases = lost_leases + CASE WHEN lease_until IS NULL THEN 0 ELSE 1 END
WHERE id IN (
    SELECT id FROM workflows_run WHERE workspace_id = %s AND wake_at <= %s AND {which}
    ORDER BY wake_at, id LIMIT %s {skip}
) RETURNING id, contact_id
"""

# Every round asks this, so it is written out: the ORM takes ten times as long to compose it.
# A subquery with a limit stays a probe; EXISTS may become a join over all runs.
_OUTLOOK = """
SELECT id,
    (SELECT e.id FROM workflows_event e
        WHERE e.workspace_id = w.id AND e.is_pending ORDER BY e.id LIMIT 1),
    (SELECT r.wake_at FROM workflows_run r
        WHERE r.workspace_id = w.id AND r.wake_at <= %s ORDER BY r.wake_at LIMIT 1),
    (SELECT r.id FROM workflows_run r
        WHERE r.workspace_id = w.id AND r.wake_at <= %s AND r.lease_until IS NOT NULL
        ORDER BY r.wake_at LIMIT 1)
FROM workspaces_workspace w
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """Runs that this worker may change as long as they carry its tokens; contacts and tokens by run id."""

    workspace_id: int
    contacts: Mapping[int, int]
    tokens: Mapping[int, int]

    @classmethod
    def of(cls, workspace_id: int, token: int, contacts: Mapping[int, int]) -> Claim:
        """A claim whose runs all carry one token."""
        return cls(workspace_id, contacts, dict.fromkeys(contacts, token))

    def only(self, run_id: int) -> Claim:
        """The part of the claim that is about one run."""
        return Claim(self.workspace_id, {run_id: self.contacts[run_id]}, {run_id: self.tokens[run_id]})


def new_token() -> int:
    """A token that no other claim has."""
    return secrets.randbits(62)


def lease_end(at: datetime) -> datetime:
    """When a lease taken now runs out."""
    return at + timedelta(seconds=settings.ISFLOW_LEASE_SECONDS)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Workspaces by what there is to do, and when the next run comes due."""

    with_events: tuple[int, ...]
    with_runs: tuple[int, ...]
    with_abandoned: tuple[int, ...]
    next_at: datetime | None
    """None: not within the horizon."""


def outlook() -> Outlook:
    """What there is to do now, in random order of workspaces, and what comes next: an index probe each."""
    at = now()
    with connection.cursor() as cursor:
        cursor.execute(_OUTLOOK, [_parameter(at + HORIZON), _parameter(at)])
        rows = cursor.fetchall()
    first = {workspace_id: _instant(wake_at) for workspace_id, _, wake_at, _ in rows if wake_at is not None}
    return Outlook(
        with_events=_by_lot(workspace_id for workspace_id, event_id, _, _ in rows if event_id is not None),
        with_runs=_by_lot(workspace_id for workspace_id, wake_at in first.items() if wake_at <= at),
        with_abandoned=_by_lot(workspace_id for workspace_id, _, _, run_id in rows if run_id is not None),
        next_at=min((wake_at for wake_at in first.values() if wake_at > at), default=None),
    )


def _by_lot(ids: Iterable[int]) -> tuple[int, ...]:
    """By lot, so that workers do not all begin with the same one."""
    drawn = list(ids)
    random.shuffle(drawn)
    return tuple(drawn)


def claim_runs(workspace_id: int) -> Claim:
    """Claim the oldest due runs of one workspace that nobody has left behind, at most one batch."""
    return _claim(workspace_id, "lease_until IS NULL", settings.ISFLOW_BATCH)


def claim_abandoned(workspace_id: int) -> Claim:
    """Claim some runs of a workspace whose lease has run out: a few, and alone what was left behind twice.

    Should one of them be what kills its workers, it takes nobody along.
    """
    few = _claim(workspace_id, "lease_until IS NOT NULL AND lost_leases = 0", FEW)
    return few if few.contacts else _claim(workspace_id, "lease_until IS NOT NULL AND lost_leases > 0", 1)


def _claim(workspace_id: int, which: str, limit: int) -> Claim:
    """Commits by itself."""
    at, token = now(), new_token()
    fault_point("claims.before_claim")
    sql = _CLAIM.format(which=which, skip="FOR UPDATE SKIP LOCKED" if is_postgres() else "")
    until = _parameter(lease_end(at))
    with connection.cursor() as cursor:
        cursor.execute(sql, [token, until, until, workspace_id, _parameter(at), limit])
        contacts: dict[int, int] = dict(cursor.fetchall())
    fault_point("claims.after_claim")
    return Claim.of(workspace_id, token, contacts)


def release(claim: Claim, run_ids: Iterable[int], *, wake_at: datetime) -> None:
    """Give runs back untouched, to be looked at again at ``wake_at``."""
    tokens = set(claim.tokens.values())
    Run.objects.filter(pk__in=run_ids, lease_token__in=tokens).update(lease_until=None, wake_at=wake_at)


def renew(held: Sequence[tuple[int, int]]) -> None:
    """Prolong the leases of runs whose calls are under way, given as ``(run id, token)``.

    A run that somebody else has taken has another token; one that was ended or put aside keeps it.
    """
    until = lease_end(now())
    rows = [(run_id, token, until, until) for run_id, token in held]
    calling = {"phase": Run.Phase.CALL, "status": Run.Status.RUNNING}
    update_many(Run, "id", ("lease_until", "wake_at"), rows, fence=("lease_token",), where=calling)


def _parameter(at: datetime) -> str | None:
    return connection.ops.adapt_datetimefield_value(at)


def _instant(stored: datetime) -> datetime:
    """A column's instant as the driver gives it: SQLite's knows no zone and means UTC."""
    return stored if stored.tzinfo else stored.replace(tzinfo=UTC)
