"""Ends runs from outside: a workflow is stopped or deleted, a person stops a run."""

from __future__ import annotations

from django.db.models import QuerySet

from isflow.infra.db import require_atomic
from isflow.infra.faults import declare, fault_point
from workflows.engine.clock import now
from workflows.models import ACTIVE, Run, StepExecution, Wait

declare("exits.before_end", "exits.after_end")


def eject(runs: QuerySet[Run], *, reason: str, message: str = "") -> int:
    """End all active runs of the set; returns how many. A burst under way is waited for, none begins after.

    A call in flight is left to finish: its worker finds its token gone and moves nothing.
    """
    require_atomic()
    fault_point("exits.before_end")
    ids = list(runs.filter(status__in=ACTIVE).select_for_update(no_key=True).values_list("pk", flat=True))
    at = now()
    ended = Run.objects.filter(pk__in=ids, status__in=ACTIVE).update(
        status=Run.Status.ENDED,
        end_reason=reason,
        end_message=message,
        ended_at=at,
        wake_at=None,
        lease_until=None,
        lease_token=0,
    )
    Wait.objects.filter(run__in=ids, status=Wait.Status.OPEN).update(
        status=Wait.Status.CANCELLED, resolved_at=at
    )
    StepExecution.objects.filter(run__in=ids, status=StepExecution.Status.WAITING).update(
        status=StepExecution.Status.CANCELLED, finished_at=at
    )
    fault_point("exits.after_end")
    return ended
