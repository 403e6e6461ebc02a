"""The worker's loop: whoever gets a hint works until nothing is due, taking the workspaces in turn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from isflow.infra.metrics import CLAIMED, CLAIMS
from isflow.workspaces.scope import workspace_scope
from workflows.engine.claims import Claim, claim_abandoned, claim_runs, outlook
from workflows.engine.dispatcher import dispatch
from workflows.engine.flights import flights
from workflows.engine.runner import land, work

ABANDONED = 10
"""Claims of runs left behind between two batches of a workspace."""


def pull(
    is_enough: Callable[[], bool] = lambda: False, on_next: Callable[[datetime], None] = lambda _at: None
) -> int:
    """Decide events and walk runs until nothing is due; returns how many were looked at.

    A workspace with many calls under way has no more runs claimed until some are back. Without a watcher of
    the flights it waits for those under way as well.
    ``on_next`` is told before the end when the next run comes due, if that is soon.
    """
    total = 0
    while True:
        done = land()
        if is_enough():
            return total + done
        ahead, crowded = outlook(), flights.crowded()
        done += _dispatch_once(ahead.with_events, crowded)
        done += _run_once([pk for pk in ahead.with_runs if pk not in crowded])
        done += _abandoned_once([pk for pk in ahead.with_abandoned if pk not in crowded])
        total += done
        if done:
            continue
        if ahead.next_at is not None:
            on_next(ahead.next_at)
        if not flights.wait():
            return total


def _dispatch_once(workspace_ids: Sequence[int], crowded: Collection[int]) -> int:
    """One batch of events for each workspace; the runs they start go on at once, unless it is crowded."""
    total = 0
    for workspace_id in workspace_ids:
        with workspace_scope(workspace_id):
            count, claim = dispatch(workspace_id, goes_on=workspace_id not in crowded)
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
            total += _work(claim_runs(workspace_id))
    return total


def _abandoned_once(workspace_ids: Sequence[int]) -> int:
    """Some of the runs that their workers have left behind, for each workspace."""
    total = 0
    for workspace_id in workspace_ids:
        with workspace_scope(workspace_id):
            for _ in range(ABANDONED):
                done = _work(claim_abandoned(workspace_id))
                total += done
                if not done:
                    break
    return total


def _work(claim: Claim) -> int:
    count = len(claim.contacts)
    _claimed("runs", count)
    if count:
        work(claim)
    return count


def _claimed(kind: str, count: int) -> None:
    if count:
        CLAIMS.labels(kind).inc()
        CLAIMED.labels(kind).inc(count)
