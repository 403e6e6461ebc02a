"""Which waiting run a contact's message belongs to, and what became of a message a run waits for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from conversations.changes import MessageOutcome, QueuedMessage
from workflows.contract import Delivered, DeliveryFailed, Reply, Resume
from workflows.engine.clock import now
from workflows.engine.waits import resolve
from workflows.models import Event, Wait

QUESTION = "question"


def is_answer(event: Event) -> bool:
    """Whether the event is a message of the contact, which may answer a question."""
    return event.kind == "message_created" and event.payload.get("direction") == "in"


def take_answers(events: Sequence[Event], at: datetime) -> dict[int, int]:
    """Give each message to the run that asked last. Returns ``{event id: run id}`` of those taken.

    A message that came before the question was asked answers nothing.
    """
    messages = [event for event in events if is_answer(event)]
    if not messages:
        return {}
    contacts = {event.contact_id for event in messages}
    waits = list(
        Wait.objects.filter(contact_id__in=contacts, kind=QUESTION, status=Wait.Status.OPEN).order_by(
            "-opened_at", "-id"
        )
    )
    taken: dict[int, tuple[int, Resume]] = {}
    by_event: dict[int, int] = {}
    for event in messages:
        wait = next(
            (
                w
                for w in waits
                if w.contact_id == event.contact_id and w.pk not in taken and w.opened_at <= event.at
            ),
            None,
        )
        if wait is not None:
            taken[wait.pk] = (wait.run_id, reply_of(event.payload))
            by_event[event.pk] = wait.run_id
    won = resolve(taken, at, by_person=True)
    winners = {taken[wait_id][0] for wait_id in won}
    return {event_id: run_id for event_id, run_id in by_event.items() if run_id in winners}


def reply_of(payload: dict[str, Any]) -> Reply:
    """The reply as a step sees it, from the event of the message."""
    place = payload.get("location")
    return Reply(
        text=str(payload.get("text") or ""),
        payload=str(payload.get("payload") or ""),
        kind=str(payload.get("type") or "text"),
        message_id=payload.get("message_id"),
        location=(float(place[0]), float(place[1])) if place else None,
    )


def settle(*, outcomes: Sequence[MessageOutcome], **_signal: object) -> None:
    """Tell runs what became of their messages; a question only hears of failure."""
    by_key = {outcome.key: outcome for outcome in outcomes if outcome.key}
    if not by_key:
        return
    waits = Wait.objects.filter(key__in=by_key, status=Wait.Status.OPEN)
    resumes: dict[int, tuple[int, Resume]] = {}
    for wait in waits:
        outcome = by_key[wait.key]
        if outcome.status == "failed":
            resumes[wait.pk] = (wait.run_id, DeliveryFailed(outcome.error))
        elif wait.kind != QUESTION:
            resumes[wait.pk] = (wait.run_id, Delivered(outcome.status))
    resolve(resumes, now())


def settle_refused(messages: Mapping[str, QueuedMessage], at: datetime) -> None:
    """Wake runs whose message was refused on the spot: nobody will ever report on it."""
    failed = {key: message.error for key, message in messages.items() if message.status == "failed"}
    if failed:
        waits = Wait.objects.filter(key__in=failed, status=Wait.Status.OPEN)
        resolve({wait.pk: (wait.run_id, DeliveryFailed(failed[wait.key])) for wait in waits}, at)


def somebody_asked(contact_ids: Collection[int]) -> set[int]:
    """Contacts whose answer a run waits for, so that their message opens no conversation."""
    waits = Wait.objects.filter(contact_id__in=contact_ids, kind=QUESTION, status=Wait.Status.OPEN)
    return set(waits.values_list("contact_id", flat=True))
