"""Moves runs. With ``exits`` the only module that changes ``Run.status``, always under the fencing token."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db import connection
from structlog.contextvars import bound_contextvars

from conversations.realtime import announcing
from isflow.infra.db import DATABASE_TROUBLE, give_up_broken_connection
from isflow.infra.faults import declare, fault_point
from isflow.infra.metrics import BURST_SECONDS, BURSTS, STEPS
from isflow.workspaces.scope import workspace_scope
from workflows.contract import CallUnknown, End, RunView, TimedOut
from workflows.engine import journal
from workflows.engine.arrivals import Landing
from workflows.engine.batch import Work
from workflows.engine.calls import PendingCall, Returned
from workflows.engine.claims import Claim, release
from workflows.engine.clock import now
from workflows.engine.flights import flights
from workflows.engine.interpreter import Bounds, Entry, Passage, burst
from workflows.engine.loading import lock, pending_visits, pending_waits, snapshots
from workflows.engine.resumes import decode
from workflows.engine.versions import definitions
from workflows.models import Run, StepExecution, Wait, Workflow

declare(
    "runner.after_call",
    "runner.before_burst",
    "runner.before_commit",
    "runner.after_commit",
)

BUSY_PAUSE = timedelta(milliseconds=50)

log = structlog.get_logger(__name__)


def work(claim: Claim) -> None:
    """Walk every run of a claim as far as it goes now; calls to the outside world are handed over."""
    _walk(claim, {})


def land() -> int:
    """Go on with the runs whose calls are back, if it is time; returns how many there were."""
    return flights.land(_land)


def _land(landing: Landing) -> set[int]:
    with workspace_scope(landing.claim.workspace_id):
        return _walk(landing.claim, landing.answers)


def _walk(claim: Claim, answers: Mapping[int, Returned]) -> set[int]:
    """One transaction for all; if it fails, one for each. Returns the runs that the database kept waiting."""
    with bound_contextvars(workspace_id=claim.workspace_id):
        try:
            if answers:
                fault_point("runner.after_call")
            calls = _burst(claim, answers)
        except Exception:
            log.exception("runs.batch_failed", runs=len(claim.contacts))
        else:
            flights.launch(calls)
            return set()
        return _walk_one_by_one(claim, answers)


def _walk_one_by_one(claim: Claim, answers: Mapping[int, Returned]) -> set[int]:
    """Poison harms only itself. What the database cannot do now is left; while it is away, so is the rest."""
    left = set(claim.contacts)
    for run_id in claim.contacts:
        try:
            _walk_one(claim.only(run_id), run_id, answers)
        except DATABASE_TROUBLE:
            log.exception("run.postponed", run_id=run_id)
            if not _is_reachable():
                break
        else:
            left.remove(run_id)
    return left


def _walk_one(claim: Claim, run_id: int, answers: Mapping[int, Returned]) -> None:
    with bound_contextvars(run_id=run_id):
        try:
            calls = _burst(claim, {key: back for key, back in answers.items() if key == run_id})
        except journal.Fenced:
            log.warning("run.fenced")
        except DATABASE_TROUBLE:
            # The database, not the run, is at fault: its answer is kept, or its lease runs out.
            raise
        except Exception as error:
            log.exception("run.failed")
            _fail(claim, error)
        else:
            flights.launch(calls)


def _is_reachable() -> bool:
    """Whether the database answers; a connection that broke is given up."""
    try:
        give_up_broken_connection()
        connection.ensure_connection()
        return connection.is_usable()
    except DATABASE_TROUBLE:
        return False


def _burst(claim: Claim, answers: Mapping[int, Returned]) -> list[PendingCall]:
    fault_point("runner.before_burst")
    began = monotonic()
    with announcing():
        works = _load(claim, answers)
        bounds = Bounds(visits=settings.ISFLOW_MAX_VISITS, burst_steps=settings.ISFLOW_BURST_STEPS)
        at = now()
        for item in works:
            if item.entry is not None and item.passage.end is None:
                burst(item.passage, item.entry, at, bounds)
        journal.write(works, claim, at)
        moved = {item.run.pk for item in works}
        journal.record_late({key: back for key, back in answers.items() if key not in moved}, at)
        fault_point("runner.before_commit")
    fault_point("runner.after_commit")
    _count(works, monotonic() - began)
    return [
        PendingCall(
            workspace_id=claim.workspace_id,
            run_id=item.run.pk,
            contact_id=item.run.contact_id,
            seq=item.passage.seq,
            token=claim.tokens[item.run.pk],
            request=item.passage.call.request,
        )
        for item in works
        if item.passage.call is not None
    ]


def _count(works: Collection[Work], seconds: float) -> None:
    BURSTS.inc()
    BURST_SECONDS.observe(seconds)
    for item in works:
        for visit in item.passage.visits:
            STEPS.labels(visit.step.type_key, visit.status).inc()


def _load(claim: Claim, answers: Mapping[int, Returned]) -> list[Work]:
    locked = lock(claim, is_patient=bool(answers))
    at = now()
    if locked.busy:
        release(claim, locked.busy, wake_at=at + BUSY_PAUSE)
    compiled = definitions(run.version_id for run in locked.runs)
    runs = [run for run in locked.runs if run.version_id in compiled]
    journal.hold([run.pk for run in locked.runs if run.version_id not in compiled], claim, at)
    if not runs:
        return []
    waits, visits = pending_waits(runs), pending_visits(runs)
    needs = frozenset().union(*(definition.needs for definition in compiled.values()))
    seen = snapshots([locked.contacts[run.contact_id] for run in runs], needs, at)
    works = []
    for run in runs:
        wait, visit = waits.get(run.pk), visits.get(run.pk)
        passage = Passage(
            run=_view(run),
            definition=compiled[run.version_id],
            snapshot=seen[run.contact_id],
            variables=run.variables,
            step_id=run.step_id,
            seq=run.seq,
        )
        if _about(run).workflow_status == Workflow.Status.STOPPED:
            # A start may commit just after the stop that could not see it; it takes no step.
            passage.end = End("stopped_workflow")
        elif run.lost_leases >= settings.ISFLOW_MAX_LOST_LEASES:
            passage.end = End("quarantined", f"Work on this step was lost {run.lost_leases} times.")
        back = answers.get(run.pk)
        entry = _entry(run, wait, visit, back)
        works.append(Work(run, passage, entry, wait, visit))
    return works


def _entry(run: Run, wait: Wait | None, visit: StepExecution | None, back: Returned | None) -> Entry | None:
    """How the burst begins; None when the run was woken too early and must wait on."""
    if run.phase == Run.Phase.ENTER or visit is None:
        return Entry()
    if run.phase == Run.Phase.CALL:
        # With the answer to an earlier call in hand, this one is ours and was never made: its intent was
        # committed, but we were not told, and handed nothing over.
        is_unmade = back is not None and back.seq != run.seq
        if is_unmade or (back is None and visit.details.get("repeatable")):
            return Entry(again=True, started_at=visit.started_at, details=visit.details)
        lost = CallUnknown("The worker was lost during the call; it may or may not have been made.")
        answer = back.answer if back is not None else lost
        return Entry(answer=answer, started_at=visit.started_at, details=visit.details)
    if wait is None:
        return Entry(resume=TimedOut(), started_at=visit.started_at, details=visit.details)
    if wait.status == Wait.Status.RESOLVED and wait.resolution is not None:
        return Entry(resume=decode(wait.resolution), started_at=visit.started_at, details=visit.details)
    if wait.wake_at <= now():
        return Entry(resume=TimedOut(), started_at=visit.started_at, details=visit.details)
    return None


def _view(run: Run) -> RunView:
    about = _about(run)
    return RunView(
        id=run.pk,
        workflow_id=run.workflow_id,
        workflow_name=about.workflow_name,
        started_at=run.started_at,
        workspace_name=about.workspace_name,
        zone=ZoneInfo(about.timezone),
        depth=run.depth,
    )


def _about(run: Run) -> Any:
    """The run with what ``lock`` read beside it of its workflow and workspace."""
    return run


def _fail(claim: Claim, error: Exception) -> None:
    """End a run whose own burst cannot be written; whatever it wanted to change is not changed."""
    with announcing():
        for run in lock(claim).runs:
            journal.end_at_once(run, "internal_error", f"{type(error).__name__}: {error}"[:500], now())
