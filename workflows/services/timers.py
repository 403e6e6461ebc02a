"""What the operator does to runs that wait for a time: fire now, postpone, cancel. Each is on record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from contacts.models import Contact
from isflow.infra.tasks import hint
from isflow.kernel.errors import Conflict, Rejected
from isflow.workspaces.audit import audit
from isflow.workspaces.scope import workspace_scope
from workflows.engine.clock import now
from workflows.engine.exits import eject
from workflows.models import Run, Wait

MAX_MINUTES: Final = 60 * 24 * 365


def timer_fire(*, run: Run) -> None:
    """Let the time be up now. Conflict if the run has moved on since ``run`` was read."""
    _move(run, now(), "timer.fired")
    hint("engine")


def timer_postpone(*, run: Run, minutes: int) -> datetime:
    """Let the run wait longer, from now on if it is late; returns until when.

    Conflict if it has moved on since ``run`` was read.
    """
    if not 0 < minutes <= MAX_MINUTES:
        raise Rejected(_("Give between 1 and %(most)d minutes.") % {"most": MAX_MINUTES})
    if run.wake_at is None:
        raise _gone()
    until = max(run.wake_at, now()) + timedelta(minutes=minutes)
    _move(run, until, "timer.postponed", minutes=minutes)
    return until


def timer_cancel(*, run: Run) -> None:
    """End a waiting run for good. Conflict if it has moved on since ``run`` was read."""
    with workspace_scope(run.workspace_id), transaction.atomic():
        if not eject(_same(run), reason="stopped_by_user"):
            raise _gone()
        audit("run.stopped", target=run.workflow.name, run=run.pk, contact=run.contact_id)


@transaction.atomic
def _move(run: Run, at: datetime, action: str, **details: int) -> None:
    """Set another time on run and wait, if both still stand as they were seen."""
    with workspace_scope(run.workspace_id):
        # The order in which the engine locks: the contact, then what belongs to it.
        Contact.objects.select_for_update(no_key=True).filter(pk=run.contact_id).first()
        moved = _same(run).update(wake_at=at)
        # Updated only together with its run, which has just been seen to stand where it stood.
        waits = Wait.objects.filter(run=run.pk, seq=run.seq, status=Wait.Status.OPEN)
        if not moved or not waits.update(wake_at=at):
            raise _gone()
        audit(action, target=run.workflow.name, run=run.pk, contact=run.contact_id, **details)


def _same(run: Run) -> QuerySet[Run]:
    return Run.objects.filter(
        pk=run.pk, status=Run.Status.WAITING, seq=run.seq, wake_at=run.wake_at, lease_until=None
    )


def _gone() -> Conflict:
    return Conflict(_("This run has moved on meanwhile."))
