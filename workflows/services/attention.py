"""What people do about outcomes nobody knows and runs that were set aside. Each decision is on record."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from conversations.models import Message
from conversations.services import message_send_again
from isflow.infra.tasks import hint
from isflow.kernel.errors import Conflict
from isflow.workspaces.audit import audit
from workflows.engine.clock import now
from workflows.engine.exits import give_up, reopen
from workflows.models import Run, StepExecution


@transaction.atomic
def unknown_send_again(*, message_id: int) -> None:
    """Send a copy of a message of which nobody knows.

    NotFound, or Conflict if it needs no second try, or if a copy cannot be sent either: it stays on the list.
    """
    copy = message_send_again(message_id=message_id, at=now())
    if copy.status == Message.Status.FAILED:
        raise Conflict(_("It cannot be sent now. %(reason)s") % {"reason": copy.error})
    audit("message.sent_again", message=message_id, copy=copy.message_id)


@transaction.atomic
def run_continue(*, run: Run) -> None:
    """Let a quarantined run enter its step anew.

    Conflict if it is no longer in quarantine, its workflow is stopped, or the contact is inside again.
    """
    if not run.workflow.is_published:
        raise Conflict(_("The workflow is not published, so nobody can go on in it."))
    try:
        with transaction.atomic():
            is_open = reopen(run.pk)
    except IntegrityError as error:
        raise Conflict(_("The contact is in this workflow again already.")) from error
    if not is_open:
        raise Conflict(_("This run is no longer in quarantine."))
    audit("run.continued", target=run.workflow.name, run=run.pk, contact=run.contact_id, step=run.step_id)
    hint("engine")


@transaction.atomic
def run_give_up(*, run: Run) -> None:
    """Leave a quarantined run ended for good. Conflict if it is no longer in quarantine."""
    if not give_up(run.pk):
        raise Conflict(_("This run is no longer in quarantine."))
    audit("run.given_up", target=run.workflow.name, run=run.pk, contact=run.contact_id, step=run.step_id)


@transaction.atomic
def call_acknowledge(*, visit: StepExecution) -> None:
    """Take an unknown outcome off the list; the journal keeps it. Conflict if somebody was quicker."""
    open_ones = StepExecution.objects.filter(
        pk=visit.pk, status=StepExecution.Status.UNKNOWN, acknowledged_at=None
    )
    if not open_ones.update(acknowledged_at=now()):
        raise Conflict(_("Somebody has dealt with this already."))
    audit("call.acknowledged", target=visit.step_name or visit.step_id, run=visit.run_id, visit=visit.seq)
