"""The worker's loop: whoever gets a hint works until nothing is due, taking the workspaces in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from isflow.infra.metrics import CLAIMED, CLAIMS
from isflow.workspaces.scope import workspace_scope
from workflows.engine.claims import claim_runs, outlook, workspaces_with_events
from workflows.engine.dispatcher import dispatch
from workflows.engine.runner import work


def pull(
    is_enough: Callable[[], bool] = lambda: False, on_next: Callable[[datetime], None] = lambda _at: None
) -> int:
    """Decide events and walk runs until nothing is due; returns how many were looked at.

    ``on_next`` is told before the end when the next run comes due, if that is soon.
    """
    total = 0
    while not is_enough():
        done = _dispatch_once()
        ahead = outlook()
        done += _run_once(ahead.workspaces)
        if not done:
            if ahead.next_at is not None:
                on_next(ahead.next_at)
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


def _run_once(workspace_ids: Sequence[int]) -> int:
    """One batch of due runs for each workspace."""
    total = 0
    for workspace_id in workspace_ids:
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
