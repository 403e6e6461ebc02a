"""Ends runs from outside: by exit conditions, when a workflow is stopped or deleted, or by a person.

And takes up again what was set aside, if a person says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import QuerySet

from isflow.infra.db import require_atomic
from isflow.infra.faults import declare, fault_point
from workflows.engine.clock import now
from workflows.models import ACTIVE, Event, Run, StepExecution, Wait

declare("exits.before_end", "exits.after_end")


QUARANTINED = "quarantined"
EXITS = {
    "outgoing_message": "exit_outgoing",
    "incoming_message": "exit_incoming",
    "manual_assignment": "exit_manual_assignment",
}
"""Exit conditions as stored in a workflow's settings, and the end reason of each."""


def condition_of(event: Event) -> str | None:
    """The exit condition that an event may fulfil, if any.

    Only what a person does by hand counts: messages of workflows, broadcasts and integrations do not, nor
    do assignments by them.
    """
    payload = event.payload
    if event.kind == "message_created":
        if payload.get("direction") == "in":
            return "incoming_message"
        return "outgoing_message" if event.source == "user" else None
    if event.kind == "contact_assigned" and event.source == "user" and payload.get("user_id"):
        return "manual_assignment"
    return None


def leave_by_condition(events: Sequence[Event], answered: Mapping[int, int]) -> dict[int, list[int]]:
    """End the runs whose workflow has an exit condition that one of the events fulfils.

    ``answered``: the run that took an event as its answer (by event id); its workflow does not count it as an
    incoming message. Only events after a run's start count. Returns the runs ended by event id.
    """
    wanted = [(event, condition) for event in events if (condition := condition_of(event)) is not None]
    if not wanted:
        return {}
    runs = list(
        Run.objects.filter(
            contact__in={event.contact_id for event, _ in wanted},
            status__in=ACTIVE,
            workflow__exit_conditions__enabled=True,
        ).select_related("workflow")
    )
    ended: dict[int, list[int]] = {}
    reasons: dict[int, str] = {}
    for event, condition in wanted:
        for run in runs:
            if run.pk in reasons or run.contact_id != event.contact_id or event.at <= run.started_at:
                continue
            if answered.get(event.pk) == run.pk or not run.workflow.exit_conditions.get(condition):
                continue
            reasons[run.pk] = EXITS[condition]
            ended.setdefault(event.pk, []).append(run.pk)
    for reason in set(reasons.values()):
        ids = [run_id for run_id, why in reasons.items() if why == reason]
        eject(Run.objects.filter(pk__in=ids), reason=reason)
    return ended


def eject(runs: QuerySet[Run], *, reason: str, message: str = "") -> int:
    """End all active runs of the set; returns how many. A burst under way is waited for, none begins after.

    A call in flight is left to finish: its worker finds its token gone and moves nothing.
    """
    require_atomic()
    fault_point("exits.before_end")
    active = runs.filter(status__in=ACTIVE).order_by("pk")
    ids = list(active.select_for_update(no_key=True).values_list("pk", flat=True))
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


def reopen(run_id: int) -> bool:
    """Let a quarantined run enter its step anew; whether it was still quarantined.

    IntegrityError if the contact is in the workflow again meanwhile.
    """
    require_atomic()
    changed = Run.objects.filter(pk=run_id, status=Run.Status.ENDED, end_reason=QUARANTINED).update(
        status=Run.Status.RUNNING,
        phase=Run.Phase.ENTER,
        end_reason="",
        end_message="",
        ended_at=None,
        wake_at=now(),
        lease_until=None,
        lease_token=0,
        lost_leases=0,
    )
    return changed == 1


def give_up(run_id: int) -> bool:
    """Leave a quarantined run ended for good; whether it was still quarantined."""
    changed = Run.objects.filter(pk=run_id, status=Run.Status.ENDED, end_reason=QUARANTINED).update(
        end_reason="stopped_by_user", variables={}
    )
    return changed == 1
