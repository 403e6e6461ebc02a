"""Decides what every event means: it answers a question, starts workflows, or nothing. One batch, one commit.

The contacts are locked first, so that one contact's events are decided one after the other, in order, by
whichever worker holds the contact.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db import transaction

from contacts.models import Contact
from isflow.infra.db import DATABASE_TROUBLE
from isflow.infra.faults import declare, fault_point
from workflows.contract import EventView
from workflows.definition.compile import Definition
from workflows.engine.answers import take_answers
from workflows.engine.claims import Claim, new_token
from workflows.engine.clock import now
from workflows.engine.exits import leave_by_condition
from workflows.engine.starts import PERSONAL_SOURCES, Candidate, create, decide, record_decisions
from workflows.engine.versions import definitions
from workflows.models import Event, Workflow, fold

declare("dispatcher.before_commit", "dispatcher.after_commit")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listener:
    """A published workflow and what it listens for."""

    workflow_id: int
    version_id: int
    definition: Definition | None
    """None: this release cannot read the version."""


def dispatch(workspace_id: int, *, goes_on: bool = True) -> tuple[int, Claim | None]:
    """Decide one batch of a workspace's events; returns how many, and the runs they started, claimed.

    Unless it ``goes_on`` with them at once those runs are left for somebody to claim.
    If a batch fails its first event is tried alone, so that one that cannot be decided harms only itself.
    """
    token = new_token() if goes_on else None
    try:
        return _dispatch(workspace_id, settings.ISFLOW_BATCH, [], token)
    except DATABASE_TROUBLE:
        raise
    except Exception:
        log.exception("events.batch_failed", workspace_id=workspace_id)
    seen: list[Event] = []
    try:
        return _dispatch(workspace_id, 1, seen, token)
    except DATABASE_TROUBLE:
        raise
    except Exception as error:
        log.exception("event.failed", workspace_id=workspace_id, events=[event.pk for event in seen])
        return _set_aside(seen, error, workspace_id), None


def _dispatch(
    workspace_id: int, limit: int, seen: list[Event], token: int | None
) -> tuple[int, Claim | None]:
    with transaction.atomic():
        events = _locked_events(limit)
        seen.extend(events)
        if not events:
            return 0, None
        at = now()
        started = _decide(events, at, workspace_id, token)
        Event.objects.filter(pk__in=[event.pk for event in events]).update(is_pending=False)
        fault_point("dispatcher.before_commit")
    fault_point("dispatcher.after_commit")
    return len(events), Claim.of(workspace_id, token, started) if started and token else None


def _set_aside(events: list[Event], error: Exception, workspace_id: int) -> int:
    """Decide that an event cannot be decided, and put on record why."""
    reason = f"{type(error).__name__}: {error}"[:500]
    with transaction.atomic():
        refused: list[list[object]] = [[None, "failed", None, reason]]
        record_decisions(((event, refused) for event in events), now(), workspace_id=workspace_id)
        Event.objects.filter(pk__in=[event.pk for event in events]).update(is_pending=False)
    return len(events)


def _locked_events(limit: int) -> list[Event]:
    """The oldest undecided events of contacts nobody else works on; first those contacts are locked."""
    pending = Event.objects.filter(is_pending=True).order_by("pk")
    contacts = {
        contact.pk: contact
        for contact in Contact.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(pk__in=pending.values("contact_id")[:limit])
        .order_by("pk")
        .only("pk", "is_blocked", "workspace_id")
    }
    if not contacts:
        return []
    events = list(pending.filter(contact_id__in=contacts)[:limit])
    for event in events:
        event.contact = contacts[event.contact_id]
    return events


def _decide(events: list[Event], at: datetime, workspace_id: int, token: int | None) -> dict[int, int]:
    """Decide all events; returns the runs that were started, with their contacts."""
    answered = take_answers(events, at)
    left = leave_by_condition(events, answered)
    listeners, zone = _listeners({event.kind for event in events})
    verdicts: dict[int, list[list[object]]] = {event.pk: [] for event in events}
    candidates: list[Candidate] = []
    places: list[list[object]] = []
    for event in events:
        if event.pk in answered:
            verdicts[event.pk].append([None, "answered", None, f"run {answered[event.pk]}"])
        verdicts[event.pk].extend(
            [None, "run_ended", None, f"run {run_id}"] for run_id in left.get(event.pk, ())
        )
        view = view_of(event, zone)
        for listener in listeners[event.kind]:
            row = _match(event, view, listener)
            verdicts[event.pk].append(row)
            if row[1] == "matched" and listener.definition is not None:
                candidates.append(_candidate(event, view, listener, listener.definition))
                places.append(row)
    for row, verdict in zip(places, decide(candidates, at), strict=True):
        row[1] = verdict
    accepted = [c for c, row in zip(candidates, places, strict=True) if row[1] == "started"]
    runs = create(accepted, at, workspace_id=workspace_id, token=token)
    record_decisions(((event, fold(verdicts[event.pk])) for event in events), at, workspace_id=workspace_id)
    return {run.pk: run.contact_id for run in runs}


def _listeners(kinds: set[str]) -> tuple[defaultdict[str, list[Listener]], ZoneInfo]:
    """Who listens, by kind of event, and the zone of the workspace, if anybody does."""
    rows = list(
        Workflow.objects.filter(status=Workflow.Status.PUBLISHED, published__event_kind__in=kinds)
        .order_by("pk")
        .values_list("pk", "published_id", "published__event_kind", "workspace__timezone")
    )
    compiled = definitions(version_id for _, version_id, _, _ in rows)
    listeners: defaultdict[str, list[Listener]] = defaultdict(list)
    for workflow_id, version_id, kind, _ in rows:
        listeners[kind].append(Listener(workflow_id, version_id, compiled.get(version_id)))
    return listeners, ZoneInfo(rows[0][3] if rows else "UTC")


def _match(event: Event, view: EventView, listener: Listener) -> list[object]:
    definition = listener.definition
    if definition is None:
        return [listener.version_id, "unreadable", None, ""]
    if event.workflow_id == listener.workflow_id and event.kind == "message_created":
        return [listener.version_id, "own_message", None, ""]
    mismatch = definition.trigger.match(view, definition.trigger_config)
    if mismatch is None:
        return [listener.version_id, "matched", None, ""]
    return [listener.version_id, "not_matched", mismatch.index, mismatch.reason]


def _candidate(event: Event, view: EventView, listener: Listener, definition: Definition) -> Candidate:
    personal = event.source in PERSONAL_SOURCES
    return Candidate(
        workflow_id=listener.workflow_id,
        version_id=listener.version_id,
        contact_id=event.contact_id,
        step_id=definition.first_step_id,
        source=event.source,
        depth=0 if personal else event.depth + 1,
        once=definition.once_per_contact,
        is_blocked=event.contact.is_blocked,
        admits_blocked=definition.trigger.admits_blocked,
        variables=definition.trigger.variables(view, definition.trigger_config),
        event=event,
    )


def view_of(event: Event, zone: ZoneInfo) -> EventView:
    """The event as triggers see it."""
    return EventView(
        kind=event.kind,
        contact_id=event.contact_id,
        at=event.at,
        source=event.source,
        payload=event.payload,
        workflow_id=event.workflow_id,
        zone=zone,
    )
