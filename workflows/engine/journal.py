"""Writes what a batch of bursts did: effects, journal rows, waits, cursors. All of it, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from isflow.infra.db import update_many
from isflow.infra.faults import declare, fault_point
from isflow.infra.inserts import insert_many
from isflow.infra.tasks import hint
from isflow.kernel.actor import Actor
from workflows.contract import CallRefused, CallUnknown, End
from workflows.engine import children, effects
from workflows.engine.answers import settle_refused
from workflows.engine.batch import Work
from workflows.engine.calls import Returned
from workflows.engine.claims import Claim, lease_end
from workflows.engine.exits import QUARANTINED
from workflows.models import Run, StepExecution, Wait

declare("journal.after_effects", "journal.before_cursor", "journal.after_cursor")

HOLD = timedelta(minutes=5)
"""After which a held run is tried again: the operator may have put the missing plug-in back."""

_RUN_FIELDS = (
    "status",
    "phase",
    "step_id",
    "seq",
    "variables",
    "wake_at",
    "lease_until",
    "lost_leases",
    "end_reason",
    "end_message",
    "ended_at",
    "depth",
)


class Fenced(Exception):  # noqa: N818 - the rightful end of a stale worker
    """Another worker has taken a run over; nothing of this burst may be written."""


def write(works: Sequence[Work], claim: Claim, at: datetime) -> None:
    """Write the batch. Raises Fenced, and thereby writes nothing, if one run is no longer ours."""
    if not works:
        return
    applied = effects.apply(_wanted(works))
    fault_point("journal.after_effects")
    _abandon([item for item in works if item.passage.end is not None and not item.passage.visits], at)
    _write_visits(works, claim)
    _write_waits(works, claim, at)
    children.start(applied.starts, at, workspace_id=claim.workspace_id)
    fault_point("journal.before_cursor")
    rows = [_cursor(item, claim, at) for item in works]
    if len(update_many(Run, "id", _RUN_FIELDS, rows, fence=("lease_token",))) != len(rows):
        raise Fenced
    settle_refused(applied.messages, at)
    fault_point("journal.after_cursor")
    if any(_goes_on(item) for item in works):
        hint("engine")


def hold(run_ids: Sequence[int], claim: Claim, at: datetime) -> None:
    """Put aside runs whose version this release cannot read; they are tried again from time to time."""
    if run_ids:
        Run.objects.filter(pk__in=run_ids, lease_token__in=set(claim.tokens.values())).update(
            status=Run.Status.HELD,
            end_message="This version cannot be read: a step or trigger type is missing.",
            wake_at=at + HOLD,
            lease_until=None,
            lost_leases=0,
        )


def record_late(answers: Mapping[int, Returned], at: datetime) -> None:
    """Note what came back for runs that are no longer ours: the ledger learns it, the run does not move."""
    states = StepExecution.Status
    for run_id, back in answers.items():
        status, error = states.DONE, ""
        if isinstance(back.answer, CallRefused):
            status, error = states.FAILED, back.answer.reason[:500]
        elif isinstance(back.answer, CallUnknown):
            status, error = states.UNKNOWN, back.answer.reason[:500]
        StepExecution.objects.filter(
            run=run_id, seq=back.seq, status__in=(states.INTENT, states.UNKNOWN)
        ).update(status=status, error=error, finished_at=at)


def end_at_once(run: Run, reason: str, message: str, at: datetime) -> None:
    """End one locked run without a burst."""
    Wait.objects.filter(run=run, status=Wait.Status.OPEN).update(status=Wait.Status.CANCELLED, resolved_at=at)
    Run.objects.filter(pk=run.pk, lease_token=run.lease_token).update(
        status=Run.Status.ENDED,
        end_reason=reason,
        end_message=message,
        ended_at=at,
        wake_at=None,
        lease_until=None,
        variables={},
    )


def _wanted(works: Sequence[Work]) -> list[effects.Wanted]:
    return [
        effects.Wanted(item.run.pk, item.run.contact_id, _actor(item), effect, at)
        for item in works
        for effect, at in item.passage.effects
    ]


def _actor(item: Work) -> Actor:
    run = item.passage.run
    return Actor(
        source="workflow", name=run.workflow_name, workflow_id=run.workflow_id, run_id=run.id, depth=run.depth
    )


def _abandon(works: Sequence[Work], at: datetime) -> None:
    """Close what runs leave open that are ended before their burst: a call may have been made, or not."""
    run_ids = [item.run.pk for item in works]
    if not run_ids:
        return
    Wait.objects.filter(run__in=run_ids, status=Wait.Status.OPEN).update(
        status=Wait.Status.CANCELLED, resolved_at=at
    )
    states = StepExecution.Status
    for before, after in ((states.WAITING, states.CANCELLED), (states.INTENT, states.UNKNOWN)):
        StepExecution.objects.filter(run__in=run_ids, status=before).update(status=after, finished_at=at)


def _write_visits(works: Sequence[Work], claim: Claim) -> None:
    new, old = [], []
    for item in works:
        for visit in item.passage.visits:
            if visit.is_new or item.visit is None:
                new.append(
                    StepExecution(
                        workspace_id=claim.workspace_id,
                        run_id=item.run.pk,
                        seq=visit.seq,
                        step_id=visit.step.id,
                        step_type=visit.step.type_key,
                        step_name=visit.step.name,
                        status=visit.status,
                        outlet=visit.outlet,
                        details=visit.details,
                        error=visit.error,
                        started_at=visit.started_at,
                        finished_at=visit.finished_at,
                    )
                )
            else:
                old.append(
                    (
                        item.visit.pk,
                        visit.status,
                        visit.outlet,
                        visit.details,
                        visit.error,
                        visit.finished_at,
                    )
                )
    insert_many(new)
    if old:
        update_many(StepExecution, "id", ("status", "outlet", "details", "error", "finished_at"), old)


def _write_waits(works: Sequence[Work], claim: Claim, at: datetime) -> None:
    passed = [
        item.wait.pk
        for item in works
        if item.wait is not None and item.wait.status == Wait.Status.OPEN and item.passage.visits
    ]
    if passed:
        won = Wait.objects.filter(pk__in=passed, status=Wait.Status.OPEN).update(
            status=Wait.Status.RESOLVED, resolution={"type": "timed_out"}, resolved_at=at
        )
        if won != len(passed):
            raise Fenced
    opened = [
        Wait(
            workspace_id=claim.workspace_id,
            run_id=item.run.pk,
            contact_id=item.run.contact_id,
            seq=item.passage.seq,
            kind=item.passage.wait.kind,
            key=item.passage.wait.key,
            wake_at=item.passage.wait.until,
            opened_at=at,
        )
        for item in works
        if item.passage.wait is not None
    ]
    insert_many(opened)


def _cursor(item: Work, claim: Claim, at: datetime) -> tuple[object, ...]:
    """The run's row after the burst, in the order of ``_RUN_FIELDS`` behind key and token."""
    run, passage = item.run, item.passage
    status, phase = Run.Status.RUNNING, Run.Phase.ENTER
    wake_at: datetime | None = at
    lease: datetime | None = None
    if passage.end is not None:
        status, wake_at = Run.Status.ENDED, None
    elif item.entry is None and item.wait is not None:
        status, phase, wake_at = Run.Status.WAITING, Run.Phase.WAIT, item.wait.wake_at
    elif passage.wait is not None:
        status, phase, wake_at = Run.Status.WAITING, Run.Phase.WAIT, passage.wait.until
    elif passage.call is not None:
        phase, wake_at, lease = Run.Phase.CALL, lease_end(at), lease_end(at)
    end = passage.end or End("")
    is_quarantined = end.reason == QUARANTINED
    lost = run.lost_leases if is_quarantined else 0
    # A person may let a quarantined run go on; it needs then what it knew.
    variables = {} if passage.end is not None and not is_quarantined else passage.variables
    return (
        run.pk,
        claim.tokens[run.pk],
        status,
        phase,
        passage.step_id,
        passage.seq,
        variables,
        wake_at,
        lease,
        lost,
        end.reason,
        end.message[:500],
        at if passage.end is not None else None,
        run.depth,
    )


def _goes_on(item: Work) -> bool:
    passage = item.passage
    return item.entry is not None and passage.end is None and passage.wait is None and passage.call is None
