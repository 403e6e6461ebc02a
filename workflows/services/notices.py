"""Tells Owners and Managers that something needs their attention; about one kind at most once an hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext_lazy

from isflow.workspaces.models import Notification, Workspace
from isflow.workspaces.notifications import managers_of, notify, register_notification
from isflow.workspaces.scope import all_workspaces, workspace_scope
from workflows.engine.clock import now
from workflows.models import Run, StepExecution
from workflows.selectors import quarantined_runs, unknown_calls, unknown_messages

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

EVERY: Final = timedelta(hours=1)
LONG_AGO: Final = timedelta(days=3)
"""What has been open for longer is news to nobody."""


@dataclass(frozen=True)
class Notice:
    """A kind of notice: how many troubles came after a moment, and what to say of them."""

    kind: str
    count: Callable[[datetime], int]
    title: _StrOrPromise


def _unknown_since(at: datetime) -> int:
    # A message keeps no time of its settling; its lease tells the last attempt.
    messages = unknown_messages().filter(Q(lease_until__gt=at) | Q(lease_until=None, created_at__gt=at))
    return messages.count() + unknown_calls().filter(finished_at__gt=at).count()


def _quarantined_since(at: datetime) -> int:
    return quarantined_runs().filter(ended_at__gt=at).count()


NOTICES: Final = (
    Notice(
        "unknown_outcome",
        _unknown_since,
        ngettext_lazy(
            "Nobody knows whether %(number)d message or call went out",
            "Nobody knows whether %(number)d messages or calls went out",
            "number",
        ),
    ),
    Notice(
        "quarantined",
        _quarantined_since,
        ngettext_lazy("%(number)d run was set aside", "%(number)d runs were set aside", "number"),
    ),
)


def register_kinds() -> None:
    """Let members choose whether to hear of these; a run in quarantine is known to the settings already."""
    register_notification(
        "unknown_outcome", gettext_lazy("Nobody knows whether something was sent"), email=True
    )


def notices_send() -> int:
    """Tell what is new in every workspace; returns how many notices were given."""
    with all_workspaces():
        calls = StepExecution.objects.filter(
            workspace=OuterRef("pk"), status=StepExecution.Status.UNKNOWN, acknowledged_at=None
        )
        runs = Run.objects.filter(workspace=OuterRef("pk"), end_reason="quarantined")
        messages = unknown_messages().filter(workspace=OuterRef("pk"))
        troubled = Workspace.objects.filter(Exists(calls) | Exists(runs) | Exists(messages))
        workspaces = list(troubled.order_by("pk"))
    return sum(_tell(workspace, notice) for workspace in workspaces for notice in NOTICES)


def _tell(workspace: Workspace, notice: Notice) -> bool:
    at = now()
    with workspace_scope(workspace.pk):
        last = Notification.objects.filter(kind=notice.kind).order_by("-created_at").first()
        if last is not None and at - last.created_at < EVERY:
            return False
        number = notice.count(max(last.created_at, at - LONG_AGO) if last else at - LONG_AGO)
    if not number:
        return False
    told = notify(
        workspace_id=workspace.pk,
        user_ids=managers_of(workspace.pk),
        kind=notice.kind,
        title=str(notice.title % {"number": number}),
        url=reverse("workflows:attention", kwargs={"slug": workspace.slug}),
    )
    return bool(told)
