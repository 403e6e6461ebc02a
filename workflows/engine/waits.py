"""Resolving open waits: one row, one winner, and the run is due at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from isflow.infra.db import update_many
from isflow.infra.faults import declare, fault_point
from isflow.infra.tasks import hint
from workflows.contract import Resume
from workflows.engine.resumes import encode
from workflows.models import Run, Wait

declare("waits.before_resolve", "waits.after_resolve")


def resolve(resumes: Mapping[int, tuple[int, Resume]], at: datetime, *, by_person: bool = False) -> set[int]:
    """Decide open waits by id: ``{wait id: (run id, resume)}``. Returns the ids of the waits won.

    ``by_person``: a contact acted, so the chain of causes begins anew.
    """
    if not resumes:
        return set()
    fault_point("waits.before_resolve")
    _lock_runs({run_id for run_id, _ in resumes.values()})
    rows = [(wait_id, Wait.Status.RESOLVED, encode(resume), at) for wait_id, (_, resume) in resumes.items()]
    fields = ("status", "resolution", "resolved_at")
    won = set(update_many(Wait, "id", fields, rows, where={"status": Wait.Status.OPEN}))
    run_ids = [resumes[wait_id][0] for wait_id in won]
    depth = {"depth": 0} if by_person else {}
    # A run under lease is left to its holder, who sees the resolved wait or lets the lease run out.
    Run.objects.filter(pk__in=run_ids, status=Run.Status.WAITING, lease_until=None).update(
        wake_at=at, **depth
    )
    fault_point("waits.after_resolve")
    hint("engine")
    return won


def _lock_runs(run_ids: set[int]) -> None:
    """Take runs before waits and in order, as bursts and exits do: who meets must not wait for each other."""
    list(Run.objects.select_for_update(no_key=True).filter(pk__in=run_ids).order_by("pk").values_list("pk"))
