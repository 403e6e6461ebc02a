"""The worker's loop: whoever gets a hint works until nothing is due, taking the workspaces in turn."""

from __future__ import annotations

from collections.abc import Callable

from isflow.infra.metrics import CLAIMED, CLAIMS
from isflow.workspaces.scope import workspace_scope
from workflows.engine.claims import claim_runs, workspaces_with_due_runs, workspaces_with_events
from workflows.engine.dispatcher import dispatch
from workflows.engine.runner import work


def pull(is_enough: Callable[[], bool] = lambda: False) -> int:
    """Decide events and walk runs until nothing is due; returns how many were looked at."""
    total = 0
    while not is_enough():
        done = _dispatch_once() + _run_once()
        if not done:
            break
        total += done
    return total


def _dispatch_once() -> int:
    """One batch of events for each workspace; the runs they start go on at once."""
    total = 0
    for workspace_id in workspaces_with_events():
        with workspace_scope(workspace_id):
            count, claim = dispatch(workspace_id)
            _claimed("events", count)
            total += count
            if claim is not None:
                work(claim)
    return total


def _run_once() -> int:
    """One batch of due runs for each workspace."""
    total = 0
    for workspace_id in workspaces_with_due_runs():
        with workspace_scope(workspace_id):
            claim = claim_runs(workspace_id)
            _claimed("runs", len(claim.contacts))
            total += len(claim.contacts)
            if claim.contacts:
                work(claim)
    return total


def _claimed(kind: str, count: int) -> None:
    if count:
        CLAIMS.labels(kind).inc()
        CLAIMED.labels(kind).inc(count)
