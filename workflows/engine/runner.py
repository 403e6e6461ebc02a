"""Moves runs. With ``exits`` the only module that changes ``Run.status``, always under the fencing token."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from time import monotonic

import structlog
from django.conf import settings
from structlog.contextvars import bound_contextvars

from conversations.realtime import announcing
from isflow.infra.db import DATABASE_TROUBLE
from isflow.infra.faults import declare, fault_point
from isflow.infra.metrics import BURST_SECONDS, BURSTS, STEPS
from workflows.contract import Answer, CallUnknown, End, RunView, TimedOut
from workflows.engine import journal
from workflows.engine.batch import Work
from workflows.engine.calls import PendingCall, Returned, perform
from workflows.engine.claims import Claim, release
from workflows.engine.clock import now
from workflows.engine.interpreter import Bounds, Entry, Passage, burst
from workflows.engine.loading import lock, pending_visits, pending_waits, snapshots
from workflows.engine.resumes import decode
from workflows.engine.turns import turns
from workflows.engine.versions import definitions
from workflows.models import Run, StepExecution, Wait, Workflow

declare(
    "runner.before_burst",
    "runner.before_commit",
    "runner.after_commit",
    "runner.before_call",
    "runner.after_call",
)

BUSY_PAUSE = timedelta(milliseconds=50)

log = structlog.get_logger(__name__)


def work(claim: Claim) -> None:
    """Walk every run of a claim as far as it goes now, outside calls included."""
    with bound_contextvars(workspace_id=claim.workspace_id):
        _work(claim)


def _work(claim: Claim) -> None:
    calls = _burst_all(claim, claim.run_ids, {})
    while calls:
        fault_point("runner.before_call")
        with turns.away():
            answers = perform(calls, claim)
        fault_point("runner.after_call")
        calls = _burst_all(claim, tuple(answers), answers)


def _burst_all(claim: Claim, run_ids: Collection[int], answers: Mapping[int, Returned]) -> list[PendingCall]:
    """One transaction for all; if it fails, one for each, so that poison harms only itself."""
    try:
        return _burst(claim, run_ids, answers)
    except Exception:
        log.exception("runs.batch_failed", workspace_id=claim.workspace_id, runs=len(run_ids))
    return [call for run_id in run_ids for call in _burst_one(claim, run_id, answers)]


def _burst_one(claim: Claim, run_id: int, answers: Mapping[int, Returned]) -> list[PendingCall]:
    with bound_contextvars(run_id=run_id):
        try:
            return _burst(claim, (run_id,), answers)
        except journal.Fenced:
            log.warning("run.fenced")
        except DATABASE_TROUBLE:
            # The database, not the run, is at fault: the lease runs out and somebody tries again.
            log.exception("run.postponed")
        except Exception as error:
            log.exception("run.failed")
            _fail(claim, run_id, error)
    return []


def _burst(claim: Claim, run_ids: Collection[int], answers: Mapping[int, Returned]) -> list[PendingCall]:
    fault_point("runner.before_burst")
    began = monotonic()
    with announcing():
        works = _load(claim, run_ids, answers)
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
        PendingCall(item.run.pk, item.passage.seq, item.passage.call.request)
        for item in works
        if item.passage.call is not None
    ]


def _count(works: Collection[Work], seconds: float) -> None:
    BURSTS.inc()
    BURST_SECONDS.observe(seconds)
    for item in works:
        for visit in item.passage.visits:
            STEPS.labels(visit.step.type_key, visit.status).inc()


def _load(claim: Claim, run_ids: Collection[int], answers: Mapping[int, Returned]) -> list[Work]:
    wanted = {run_id: claim.contacts[run_id] for run_id in run_ids}
    locked = lock(wanted, claim.token, is_patient=bool(answers))
    at = now()
    if locked.busy:
        release(locked.busy, claim.token, wake_at=at + BUSY_PAUSE)
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
        if run.workflow.status == Workflow.Status.STOPPED:
            # A start may commit just after the stop that could not see it; it takes no step.
            passage.end = End("stopped_workflow")
        elif run.lost_leases >= settings.ISFLOW_MAX_LOST_LEASES:
            passage.end = End("quarantined", f"Work on this step was lost {run.lost_leases} times.")
        back = answers.get(run.pk)
        entry = _entry(run, wait, visit, back.answer if back else None)
        works.append(Work(run, passage, entry, wait, visit))
    return works


def _entry(run: Run, wait: Wait | None, visit: StepExecution | None, answer: Answer | None) -> Entry | None:
    """How the burst begins; None when the run was woken too early and must wait on."""
    if run.phase == Run.Phase.ENTER or visit is None:
        return Entry()
    if run.phase == Run.Phase.CALL:
        if answer is None and visit.details.get("repeatable"):
            return Entry(again=True, started_at=visit.started_at, details=visit.details)
        lost = CallUnknown("The worker was lost during the call; it may or may not have been made.")
        return Entry(answer=answer or lost, started_at=visit.started_at, details=visit.details)
    if wait is None:
        return Entry(resume=TimedOut(), started_at=visit.started_at, details=visit.details)
    if wait.status == Wait.Status.RESOLVED and wait.resolution is not None:
        return Entry(resume=decode(wait.resolution), started_at=visit.started_at, details=visit.details)
    if wait.wake_at <= now():
        return Entry(resume=TimedOut(), started_at=visit.started_at, details=visit.details)
    return None


def _view(run: Run) -> RunView:
    return RunView(
        id=run.pk,
        workflow_id=run.workflow_id,
        workflow_name=run.workflow.name,
        started_at=run.started_at,
        workspace_name=run.workspace.name,
        zone=run.workspace.zone,
        depth=run.depth,
    )


def _fail(claim: Claim, run_id: int, error: Exception) -> None:
    """End a run whose own burst cannot be written; whatever it wanted to change is not changed."""
    with announcing():
        locked = lock({run_id: claim.contacts[run_id]}, claim.token)
        for run in locked.runs:
            journal.end_at_once(run, "internal_error", f"{type(error).__name__}: {error}"[:500], now())
