"""How long history is kept: finished runs with their journals, decided events with their decisions.

Open runs, runs with an unknown outcome that nobody has dealt with, and undecided events are never touched;
enrolments stay for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction

from isflow.infra.pruning import deadline, delete_unseen, prune_in_turns
from isflow.workspaces.models import Workspace
from isflow.workspaces.scope import workspace_scope
from workflows.engine.clock import now
from workflows.models import Decision, Event, Run, StepExecution, Wait

JOURNAL_ROWS = 20_000
"""Step visits deleted in one transaction at most, unless a single run has more."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows a round deleted."""

    runs: int
    events: int


def history_prune(is_over: Callable[[], bool] | None = None) -> Pruned:
    """Delete what the workspaces no longer keep, until nothing is left or the time is over."""
    workspaces = list(Workspace.objects.order_by("pk"))
    runs = prune_in_turns(workspaces, runs_prune, is_over or deadline())
    events = prune_in_turns(workspaces, events_prune, is_over or deadline())
    if runs or events:
        log.info("history.pruned", runs=runs, events=events)
    return Pruned(runs, events)


def runs_prune(workspace: Workspace) -> int:
    """Delete one batch of a workspace's runs that ended long ago; return how many."""
    before = now() - timedelta(days=workspace.keep_runs_days)
    with workspace_scope(workspace.pk), transaction.atomic():
        # What needs a person's attention stays until somebody has dealt with it.
        troubled = StepExecution.objects.filter(
            status=StepExecution.Status.UNKNOWN, acknowledged_at__isnull=True
        ).values("run_id")
        ended = Run.objects.filter(status=Run.Status.ENDED, ended_at__lt=before).exclude(pk__in=troubled)
        rows = ended.order_by("ended_at").select_for_update(skip_locked=True).values_list("pk", "seq")
        ids = _bounded(rows[: settings.ISFLOW_PRUNE_BATCH])
        if not ids:
            return 0
        delete_unseen(StepExecution.objects.filter(run_id__in=ids))
        delete_unseen(Wait.objects.filter(run_id__in=ids))
        return delete_unseen(Run.objects.filter(pk__in=ids))


def events_prune(workspace: Workspace) -> int:
    """Delete one batch of a workspace's events that were decided long ago; return how many."""
    before = now() - timedelta(days=workspace.keep_events_days)
    with workspace_scope(workspace.pk), transaction.atomic():
        decided = Event.objects.filter(is_pending=False, at__lt=before).order_by("at")
        rows = decided.select_for_update(skip_locked=True).values_list("pk", flat=True)
        ids = sorted(rows[: settings.ISFLOW_PRUNE_BATCH])
        if not ids:
            return 0
        delete_unseen(Decision.objects.filter(event_id__in=ids))
        return delete_unseen(Event.objects.filter(pk__in=ids))


def _bounded(rows: Iterable[tuple[int, int]]) -> list[int]:
    """Return as many of the runs (id, number of visits) as one short transaction can take, at least one."""
    ids: list[int] = []
    visits = 0
    for run_id, seq in rows:
        visits += seq + 1
        if ids and visits > JOURNAL_ROWS:
            break
        ids.append(run_id)
    return sorted(ids)
