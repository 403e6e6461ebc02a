"""What supervisors may ask about the engine: how late it is, what lies waiting, what nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from channels_app.models import Channel, InboundDelivery
from conversations.changes import MessageOutcome
from conversations.models import ChannelPace, Message
from conversations.queue import UNSENT
from isflow.infra.health import Part, register_probe
from isflow.infra.metrics import SENDS, Gauge, register_gauge
from isflow.infra.selfcheck import register_due
from isflow.workspaces.models import Workspace
from isflow.workspaces.scope import all_workspaces
from workflows.models import Event, Run
from workflows.selectors import quarantined_runs, unknown_calls, unknown_messages

LAG_LIMIT: Final = 30.0
"""Seconds that something due may wait before its part is flagged."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What lies waiting: how much, and for how many seconds the oldest has been due."""

    size: int
    oldest_seconds: float

    def part(self) -> Part:
        """The queue as a part of the deep health page."""
        figures = {"waiting": self.size, "oldest_seconds": round(self.oldest_seconds, 1)}
        return Part(self.oldest_seconds <= LAG_LIMIT, figures)


def due_runs() -> Queue:
    """Runs that somebody should look at now."""
    due = Run.objects.filter(wake_at__lte=timezone.now())
    return _queue(due, "wake_at")


def pending_events() -> Queue:
    """Events that nobody has decided."""
    return _queue(Event.objects.filter(is_pending=True), "at", order="pk")


def unsent_messages() -> Queue:
    """Messages on their way out that could go now; those of slow, paused or failing channels wait rightly."""
    at = timezone.now()
    unsent = Message.objects.filter(
        Q(not_before=None) | Q(not_before__lte=at),
        Q(channel__not_before=None) | Q(channel__not_before__lte=at),
        Q(channel__pace=None) | Q(channel__pace__next_at=None) | Q(channel__pace__next_at__lte=at),
        status__in=UNSENT,
    )
    return _measured(unsent.count(), unsent.aggregate(at=Min("created_at"))["at"])


def unprocessed_deliveries() -> Queue:
    """What providers delivered and nobody has read yet."""
    return _queue(InboundDelivery.objects.filter(status="received"), "received_at", order="pk")


def queues() -> dict[str, Queue]:
    """All four, by name; whatever the workspace."""
    with all_workspaces():
        return {
            "events": pending_events(),
            "runs": due_runs(),
            "messages": unsent_messages(),
            "deliveries": unprocessed_deliveries(),
        }


def unknowns() -> dict[str, float]:
    """What stands under "Needs attention" in all workspaces, by kind."""
    with all_workspaces():
        return {
            "messages": unknown_messages().count(),
            "calls": unknown_calls().count(),
            "runs": quarantined_runs().count(),
        }


def channels() -> dict[str, float]:
    """Channels by state; ``paused``: the provider wants peace; ``circuit_open``: it is taken to be down."""
    with all_workspaces():
        rows = Channel.objects.values_list("status").order_by("status").annotate(number=Count("pk"))
        states = {str(status): float(number) for status, number in rows}
        paused = Channel.objects.filter(not_before__gt=timezone.now()).count()
        down = ChannelPace.objects.filter(open_since__isnull=False).count()
        return {**states, "paused": paused, "circuit_open": down}


def count_sends(*, outcomes: Sequence[MessageOutcome], **_signal: object) -> None:
    """Count settled attempts to send, once they are durable."""
    statuses = [outcome.status for outcome in outcomes]

    def add() -> None:
        for status in statuses:
            SENDS.labels(status).inc()

    transaction.on_commit(add)


def register() -> None:
    """Add the engine to the health page and to the figures; twice changes nothing."""
    for name in ("events", "runs", "messages", "deliveries"):
        register_probe(name, lambda name=name: queues()[name].part())  # type: ignore[misc]
    register_due("engine", oldest_work)
    register_gauge(Gauge("isflow_queue_size", "Rows waiting now.", _sizes, "queue"))
    register_gauge(
        Gauge("isflow_queue_oldest_seconds", "How long the oldest has been due.", _oldest, "queue")
    )
    register_gauge(Gauge("isflow_due_lag_seconds", "How late the oldest due run is.", _lag))
    register_gauge(Gauge("isflow_unknowns", "What needs a person's attention.", unknowns, "kind"))
    register_gauge(Gauge("isflow_channels", "Channels by state.", channels, "state"))


def _sizes() -> dict[str, float]:
    return {name: queue.size for name, queue in queues().items()}


def _oldest() -> dict[str, float]:
    return {name: queue.oldest_seconds for name, queue in queues().items()}


def oldest_work() -> float:
    """Seconds since when the oldest run or event waits that a worker could take now."""
    with all_workspaces():
        return max(due_runs().oldest_seconds, pending_events().oldest_seconds)


def _lag() -> dict[str, float]:
    with all_workspaces():
        return {"": due_runs().oldest_seconds}


def _queue(rows: QuerySet[Any], column: str, *, order: str = "") -> Queue:
    """Count the rows and find the oldest, by the index that every workspace's rows have."""
    first = rows.filter(workspace=OuterRef("pk")).order_by(order or column).values(column)[:1]
    oldest: datetime | None = Workspace.objects.annotate(first=Subquery(first)).aggregate(at=Min("first"))[
        "at"
    ]
    return _measured(rows.count(), oldest)


def _measured(size: int, oldest: datetime | None) -> Queue:
    age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    return Queue(size, max(0.0, age))
