"""Who may enter a workflow, and the rows that make it so. Every start, of whatever cause, ends here.

Callers hold the locks of the contacts concerned, so that what is checked still holds when it is written;
the unique constraints are the last line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from isflow.infra.faults import declare, fault_point
from isflow.infra.inserts import insert_many
from isflow.kernel.values import Scalar
from isflow.workspaces.scope import current_workspace_id
from workflows.engine.claims import lease_end
from workflows.models import Decision, Enrolment, Event, Run

declare("starts.before_write", "starts.after_write")

PERSONAL_SOURCES = frozenset({"user", "contact", "ctc_ads"})
START_WINDOW = timedelta(minutes=30)

_EARLIER = """
SELECT workflow_id, contact_id, status <> 'ended', {recent} FROM workflows_run
WHERE workspace_id = %s AND workflow_id IN ({workflows}) AND contact_id IN ({contacts})
    AND (status <> 'ended' OR {recent})
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One contact at the door of one workflow whose conditions the event has fulfilled."""

    workflow_id: int
    version_id: int
    contact_id: int
    step_id: str
    source: str
    depth: int
    once: bool
    is_blocked: bool = False
    admits_blocked: bool = False
    variables: Mapping[str, Scalar] = field(default_factory=dict)
    event: Event | None = None
    parent_run_id: int | None = None

    @property
    def is_machine(self) -> bool:
        """Whether no person stands behind the event."""
        return self.source not in PERSONAL_SOURCES


@dataclass(slots=True)
class _Door:
    """What is known of earlier passages; grows as candidates are let in."""

    active: set[tuple[int, int]]
    enrolled: set[tuple[int, int]]
    recent: Counter[tuple[int, int]]


def decide(candidates: Sequence[Candidate], at: datetime) -> list[str]:
    """For each candidate ``started`` or the reason why not, as if they came one after the other."""
    door = _door(candidates, at)
    return [_verdict(candidate, door) for candidate in candidates]


def create(
    candidates: Sequence[Candidate], at: datetime, *, workspace_id: int, token: int | None
) -> Sequence[Run]:
    """Write the runs and enrolments of candidates that were let in.

    With a ``token`` the runs are born claimed by it; else they are due at once.
    """
    if not candidates:
        return []
    fault_point("starts.before_write")
    runs = insert_many([_run(candidate, at, workspace_id, token) for candidate in candidates])
    insert_many(
        [
            Enrolment(workspace_id=workspace_id, workflow_id=c.workflow_id, contact_id=c.contact_id, at=at)
            for c in candidates
        ],
        ignore_conflicts=True,
    )
    fault_point("starts.after_write")
    return runs


def record_decisions(
    verdicts: Iterable[tuple[Event, list[list[object]]]], at: datetime, *, workspace_id: int
) -> None:
    """Write one decision for each event."""
    insert_many(
        [Decision(workspace_id=workspace_id, event=event, verdicts=rows, at=at) for event, rows in verdicts]
    )


def _door(candidates: Sequence[Candidate], at: datetime) -> _Door:
    workflows = {c.workflow_id for c in candidates}
    contacts = {c.contact_id for c in candidates}
    pairs = ("workflow_id", "contact_id")
    active: set[tuple[int, int]] = set()
    enrolled: set[tuple[int, int]] = set()
    recent: Counter[tuple[int, int]] = Counter()
    if candidates:
        since = at - START_WINDOW if any(c.is_machine for c in candidates) else None
        for workflow_id, contact_id, is_active, is_recent in _earlier(workflows, contacts, since):
            if is_active:
                active.add((workflow_id, contact_id))
            if is_recent:
                recent[workflow_id, contact_id] += 1
    if any(c.once for c in candidates):
        past = Enrolment.objects.filter(workflow_id__in=workflows, contact_id__in=contacts)
        enrolled = set(past.values_list(*pairs))
    return _Door(active, enrolled, recent)


def _earlier(
    workflows: Collection[int], contacts: Collection[int], since: datetime | None
) -> list[tuple[int, int, bool, bool]]:
    """Workflow, contact, whether active and whether begun ``since``, of every run that matters.

    Written out, because every start asks this: the ORM takes many times as long to say it.
    """
    recent = "started_at >= %s" if since else "FALSE"
    moment = [connection.ops.adapt_datetimefield_value(since)] if since else []
    sql = _EARLIER.format(
        recent=recent,
        workflows=", ".join(["%s"] * len(workflows)),
        contacts=", ".join(["%s"] * len(contacts)),
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*moment, current_workspace_id(), *workflows, *contacts, *moment])
        rows: list[tuple[int, int, bool, bool]] = cursor.fetchall()
    return rows


def _verdict(candidate: Candidate, door: _Door) -> str:
    pair = (candidate.workflow_id, candidate.contact_id)
    if candidate.is_blocked and not candidate.admits_blocked:
        return "contact_blocked"
    if candidate.once and pair in door.enrolled:
        return "already_enrolled_before"
    if pair in door.active:
        return "already_in_workflow"
    if candidate.depth > settings.ISFLOW_MAX_DEPTH:
        return "too_deep"
    if candidate.is_machine and door.recent[pair] >= settings.ISFLOW_MAX_STARTS:
        return "too_many_starts"
    door.active.add(pair)
    door.enrolled.add(pair)
    door.recent[pair] += 1
    return "started"


def _run(candidate: Candidate, at: datetime, workspace_id: int, token: int | None) -> Run:
    due = lease_end(at) if token else at
    return Run(
        workspace_id=workspace_id,
        workflow_id=candidate.workflow_id,
        version_id=candidate.version_id,
        contact_id=candidate.contact_id,
        step_id=candidate.step_id,
        variables=dict(candidate.variables),
        wake_at=due,
        lease_token=token or 0,
        lease_until=due if token else None,
        depth=candidate.depth,
        event_id=candidate.event.pk if candidate.event else None,
        parent_run_id=candidate.parent_run_id,
        started_at=at,
    )
